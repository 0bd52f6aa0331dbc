"""Invite the first administrator, or one who has lost their password or phone."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from smartapp.administrators import invitations

LINK = """\
{sentence}

  {link}

It works once, within 24 hours, and any earlier link for {user} no longer does. Give it to
nobody else.
"""


class Command(BaseCommand):
    help = (
        "Print a one-time link with which a new administrator chooses a password. For one who "
        "exists, the link sets a new password and drops the second factor."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user, link, is_new = _invited(options["username"])
        sentence = (
            f"{user} chooses a password at this link, and may do everything:"
            if is_new
            else f"{user} chooses a new password at this link, and sets up a new second factor:"
        )
        self.stdout.write(LINK.format(sentence=sentence, user=user, link=link))


@transaction.atomic
def _invited(username: str) -> tuple[User, str, bool]:
    """Return the administrator with this name, their link, and whether they are new. A new one has
    no usable password."""
    user = User.objects.filter(username=username).first()
    if user is not None and not invitations.may_sign_in(user):
        raise CommandError(
            f"{username} exists and is not allowed to sign in to the administration. Another "
            "administrator can allow it under Users; if there is none, choose another name here."
        )
    is_new = user is None
    if user is None:
        if similar := invitations.similar_to(username):
            raise CommandError(f"There is {similar}. Write the name as it is there.")
        user = User(username=username, is_staff=True, is_superuser=True)
        user.set_unusable_password()
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user.save()
    return user, invitations.invite(user), is_new
