"""Brands as lists publish them, for the patients' search. A brand gives no permission: people are
only sent to endpoints of registrations (SMART App Launch 2.2, "User-access Brands")."""

from typing import ClassVar

from django.db import models

from smartapp.registrations.models import Registration


class BrandList(models.Model):
    """A document that was imported, identified by its address or file name."""

    name = models.CharField(max_length=500, unique=True)
    registration = models.ForeignKey(
        Registration,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="brand_lists",
        help_text="Whose client id the list's addresses take. Empty: nobody can connect there yet.",
    )
    etag = models.CharField(max_length=300, blank=True)
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class BrandAddress(models.Model):
    """A FHIR base URL of brands, and whether it answered the last check."""

    # In the form of `registry.normalised_iss`, which is also used to find a launch's `iss`.
    lookup = models.CharField(max_length=4096, unique=True)
    url = models.CharField(max_length=4096)
    checked_at = models.DateTimeField(null=True)
    # The code of the error that prevents a launch; "" if there was none.
    problem = models.CharField(max_length=63, blank=True)

    class Meta:
        verbose_name_plural = "brand addresses"

    def __str__(self) -> str:
        return self.url


class Brand(models.Model):
    """A health system, clinic or facility. Without a list: one of our own endpoints."""

    brand_list = models.ForeignKey(
        BrandList, null=True, on_delete=models.CASCADE, related_name="brands"
    )
    key = models.CharField(max_length=300)
    name = models.CharField(max_length=300)
    sort_key = models.CharField(max_length=300, db_index=True)
    part_of = models.CharField(max_length=300, blank=True)
    portal = models.CharField("patient portal", max_length=300, blank=True)
    # [[city, state code, ZIP], …], only as many as are shown.
    places = models.JSONField(default=list)
    place_count = models.PositiveIntegerField(default=0)
    # The folded words of the search: those of its names, and all others.
    name_words = models.TextField()
    other_words = models.TextField(blank=True)
    logo_url = models.CharField(max_length=2048, blank=True)
    # Brands of several lists with the same identifier are one (SMART App Launch 2.2, "User-access
    # Brands"). Null if there is none: for a new column that is never null SQLite rebuilds the table
    # and loses the triggers of the search.
    identifier = models.CharField(max_length=300, null=True, db_index=True)  # noqa: DJ001
    addresses: "models.ManyToManyField[BrandAddress, BrandEndpoint]" = models.ManyToManyField(
        BrandAddress, through="BrandEndpoint", related_name="brands"
    )
    hidden = models.BooleanField(
        default=False, help_text="Never shown to patients, whatever later imports say."
    )
    # Set if the newest edition of its list does not have it: it is out of the search, but nobody's
    # connection ends.
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # Whether a registration can connect to one of its addresses; `offers` keeps it up to date.
    offered = models.BooleanField(default=False)

    class Meta:
        ordering = ["sort_key"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["brand_list", "key"], name="one_brand_per_list_and_key"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BrandEndpoint(models.Model):
    """A link between a brand and an address, with the label that distinguishes it from the brand's
    other addresses."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="links")
    address = models.ForeignKey(BrandAddress, on_delete=models.CASCADE, related_name="links")
    label = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "address"], name="one_link_per_address"),
        ]

    def __str__(self) -> str:
        return f"{self.brand} at {self.address}"


class BrandLogo(models.Model):
    """A brand's logo, fetched once and served from our own origin."""

    brand = models.OneToOneField(Brand, on_delete=models.CASCADE, related_name="logo")
    url = models.CharField(max_length=2048)
    content_type = models.CharField(max_length=30, blank=True)
    image = models.BinaryField()
    fetched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"logo of {self.brand}"
