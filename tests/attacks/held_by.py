"""Which tests cover which attack."""

from tests.documents import HeldBy

HELD_BY: HeldBy = {
    "T1": ("test_iss_of_a_stranger_opens_no_socket",),
    "T2": ("TestState.test_is_accepted_once", "TestState.test_of_another_browser_is_refused"),
    "T3": (
        "TestState.test_of_another_registration_is_refused",
        "TestEndpointForCallback.test_the_path_of_another_registration_is_refused",
    ),
    "T4": (
        "TestStolenCode.test_is_found_out_by_the_nonce_where_the_ehr_compares_nothing",
        "TestStolenCode.test_is_worth_nothing_without_its_verifier",
    ),
    "T5": (
        "test_a_launch_needs_both_endpoints_and_s256",
        "TestLaunchEndpoints.test_an_ehr_without_what_a_safe_launch_needs_is_refused",
    ),
    "T6": (
        "TestPoisonedMetadata.test_audience_of_the_registration_is_nobody_elses_to_say",
        "TestPoisonedMetadata.test_token_endpoint_elsewhere_stops_the_next_launch",
    ),
    "T7": (
        "TestPrivateKeyJWT.test_no_assertion_is_used_twice",
        "TestAssertion.test_jti_is_accepted_once",
    ),
    "T8": (
        "TestHeader.test_any_other_algorithm_is_refused",
        "TestHeader.test_a_public_key_is_no_hmac_secret",
    ),
    "T9": (
        "TestIDToken.test_that_fails_a_check_is_refused",
        "TestClaims.test_one_wrong_claim_refuses_the_token",
    ),
    "T10": (
        "TestTokensLeave.test_no_page_shows_one",
        "TestTokensLeave.test_report_of_an_exception_holds_no_value",
    ),
    "T11": (
        "TestForeignHosts.test_links_references_and_pictures_are_not_followed",
        "TestForeignHosts.test_redirect_is_not_followed",
    ),
    "T12": (
        "TestNames.test_the_address_that_was_checked_is_the_one_that_is_used",
        "test_there_is_one_way_out",
    ),
    "T13": (
        "TestOpenRedirect.test_after_sign_in",
        "TestOpenRedirect.test_path_never_becomes_a_host",
    ),
    "T14": ("test_nobody_else_may_frame_the_app",),
    "T15": (
        "TestTokenResponse.test_launch_context_of_any_shape",
        "TestFHIR.test_record_of_any_shape",
    ),
    "T16": (
        "TestPatientChangedInTheEHR.test_origin_that_is_not_registered_is_not_heard",
        "TestPatientChangedInTheEHR.test_others_are_not_heard",
    ),
    "T17": (
        "TestWrongPatient.test_another_patients_resources_are_dropped_with_an_alarm",
        "TestFailure.test_another_patient_stops_the_launch",
    ),
    "T18": (
        "TestSharedWorkstation.test_next_person_closes_the_pages_of_the_last_one",
        "TestUnused.test_it_ends_in_the_end_however_much_it_is_used",
    ),
    "T19": (
        "TestPages.test_other_browser_gets_404",
        "TestNobodyElse.test_key_of_another_launch_of_the_same_browser_does_not_open_it",
    ),
    "T20": (
        "TestRefresh.test_twenty_parallel_loads_send_one_refresh",
        "TestRefresh.test_reuse_of_a_rotated_token_ends_the_family",
    ),
    "T21": (
        "test_sealed_tokens_moved_to_another_launch_do_not_open",
        "TestPrivateHalf.test_is_sealed_for_its_row",
    ),
    "T22": (
        "test_three_rotations_of_both_algorithms_and_not_one_refusal",
        "TestAnyOrderOfSteps.test_the_timeline_has_no_gap_and_no_overlap",
    ),
    "T23": ("TestPrivateMaterial.test_is_on_no_page",),
    "T24": (
        "TestPublished.test_is_pure_memory",
        "TestSigner.test_a_burst_of_misses_costs_one_refresh",
    ),
    "T25": (
        "test_parameter_that_comes_twice_is_refused",
        "test_token_response_that_two_readers_could_read_differently",
    ),
    "T26": (
        "test_get_is_never_used_unless_the_registration_says_so",
        "test_error_response_is_told_without_the_ehrs_words",
    ),
    "T27": (
        "TestComparing.test_more_than_was_asked_for_is_flagged",
        "TestMoreThanWasAskedFor.test_is_said_on_the_page_and_never_asked_for_in_a_refresh",
    ),
    "T28": (
        "test_nobody_is_signed_in_where_no_id_token_came",
        "TestIDToken.test_that_is_missing_is_refused",
    ),
    "T29": ("test_clinician_launches_inside_the_ehrs_frame",),
    "T30": (
        "TestOverHTTP.test_flood_is_told_so_and_others_launch",
        "TestBadAnswers.test_error_without_state_does_not_push_out_peoples_launches",
    ),
    "T31": ("TestBasic.test_unknown_client_and_wrong_secret_sound_alike",),
    "T32": (
        "TestDeploy.test_one_desk_setting_is_an_error",
        "test_deployment_never_gets_the_sandbox",
    ),
    "T33": ("test_no_check_is_switched_off", "test_no_second_library_judges_signatures"),
    "T34": (
        "TestRevokeAll.test_of_an_ehr_that_was_switched_off",
        "test_ehr_that_is_switched_off_is_not_read_any_more",
    ),
}
