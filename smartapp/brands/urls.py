from django.urls import path

from smartapp.brands import logos

app_name = "brands"
urlpatterns = [path("brands/<int:brand_id>/logo", logos.logo, name="logo")]
