"""The admin pages of brands: what the lists contain, and what is hidden from patients."""
# ruff: noqa: ARG002 - Django's signatures

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from smartapp.audit import trail
from smartapp.audit.admin import ReadOnlyAdmin
from smartapp.brands import search
from smartapp.brands.models import Brand, BrandEndpoint, BrandList
from smartapp.brands.parsed import Place


class AddressInline(admin.TabularInline):
    model = BrandEndpoint
    extra = 0
    can_delete = False
    fields = readonly_fields = ("url", "label", "checked_at", "problem")
    verbose_name_plural = "addresses"

    def has_add_permission(self, request: HttpRequest, obj: Brand | None = None) -> bool:
        return False

    @admin.display(description="address")
    def url(self, link: BrandEndpoint) -> str:
        return link.address.url

    @admin.display(description="last asked")
    def checked_at(self, link: BrandEndpoint) -> object:
        return link.address.checked_at

    @admin.display(description="problem")
    def problem(self, link: BrandEndpoint) -> str:
        return link.address.problem or "none met"


@admin.register(Brand)
class BrandAdmin(ReadOnlyAdmin):
    when_empty = (
        "No list of health systems is imported yet. On the server, manage.py import_brands "
        "FILE_OR_URL imports one."
    )
    list_display = (
        "name", "place", "part_of", "brand_list", "offered", "hidden", "withdrawn_at",
    )  # fmt: skip
    list_filter = ("offered", "hidden", "brand_list")
    search_fields = ("name",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("hide", "show")  # type: ignore[assignment] # ReadOnlyAdmin has none
    inlines = (AddressInline,)
    fields = (
        "name", "part_of", "portal", "places", "brand_list", "offered", "hidden", "withdrawn_at",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Brand], search_term: str
    ) -> tuple[QuerySet[Brand], bool]:
        """Search as patients do."""
        return search.narrowed(queryset, search_term), False

    @admin.display(description="place")
    def place(self, brand: Brand) -> str:
        """Return the place that tells brands with the same name apart, as patients see it."""
        first = str(Place(*brand.places[0])) if brand.places else ""
        return f"{first} and {brand.place_count - 1} more" if brand.place_count > 1 else first

    @admin.action(description="Hide from patients, for good", permissions=["hide"])
    def hide(self, request: HttpRequest, brands: QuerySet[Brand]) -> None:
        self._set_hidden(request, brands, hidden=True)

    @admin.action(description="Show to patients again", permissions=["hide"])
    def show(self, request: HttpRequest, brands: QuerySet[Brand]) -> None:
        self._set_hidden(request, brands, hidden=False)

    def has_hide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("brands.change_brand")

    def _set_hidden(self, request: HttpRequest, brands: QuerySet[Brand], *, hidden: bool) -> None:
        actor = request.user.get_username()
        with transaction.atomic():
            for pk, name in brands.exclude(hidden=hidden).values_list("pk", "name"):
                action = "brand.hidden" if hidden else "brand.shown"
                trail.record(actor, action, name[:150], brand=pk)
                Brand.objects.filter(pk=pk).update(hidden=hidden)


@admin.register(BrandList)
class BrandListAdmin(ReadOnlyAdmin):
    when_empty = BrandAdmin.when_empty
    list_display = ("name", "registration", "imported_at", "brand_count")

    @admin.display(description="brands")
    def brand_count(self, listed: BrandList) -> int:
        return listed.brands.filter(withdrawn_at=None).count()
