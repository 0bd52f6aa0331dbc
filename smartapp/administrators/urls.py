from django.urls import path

from smartapp.administrators import second_factor
from smartapp.administrators.invitations import InvitationView

app_name = "administrators"

urlpatterns = [
    path("invitation/<uidb64>/<token>/", InvitationView.as_view(), name="invitation"),
    path("second-factor/", second_factor.second_factor, name="second_factor"),
    path("second-factor/set-up/", second_factor.enrol, name="enrol"),
    path("second-factor/recovery-codes/", second_factor.recovery_codes, name="recovery_codes"),
]
