"""Which tests cover which requirement of a client."""

from tests.documents import HeldBy

HELD_BY: HeldBy = {
    "C1": ("TestEndpointForIss.test_it_is_everything_that_a_launch_needs",),
    "C2": (
        "TestToken.test_of_a_registration_that_launches_is_refused",
        "TestAdd.test_a_2_legged_registration_may_stand_at_the_same_ehr",
    ),
    "C3": (
        "TestChange.test_the_slug_in_the_redirect_uri_cannot_be_changed",
        "TestBadInput.test_our_own_address_has_to_be_https",
    ),
    "C4": (
        "TestState.test_of_another_registration_is_refused",
        "TestEndpointForCallback.test_the_path_of_another_registration_is_refused",
    ),
    "C5": (
        "TestDiscovery.test_a_token_endpoint_of_another_issuers_server_is_not_entered",
        "TestDiscovery.test_an_issuer_of_another_server_is_accepted_by_no_click",
    ),
    "C6": ("TestUpdate.test_another_preset_brings_its_quirk",),
    "C7": (
        "TestEndpointForIss.test_an_unknown_iss_is_refused_without_a_socket",
        "test_launches_go_to_the_registration_that_launches",
    ),
    "C8": (
        "TestEndpointForIss.test_one_trailing_slash_makes_no_difference",
        "TestBadLaunchRequests.test_aud_is_the_iss_as_it_came",
    ),
    "C10": (
        "test_the_suffix_follows_the_whole_base",
        "test_launches_from_the_ehr_and_by_the_patient",
    ),
    "C11": (
        "test_an_endpoint_that_codes_would_go_to_must_be_https",
        "test_relative_endpoints_resolve_against_the_fhir_base",
    ),
    "C12": (
        "test_a_launch_needs_both_endpoints_and_s256",
        "TestLaunchEndpoints.test_an_ehr_without_what_a_safe_launch_needs_is_refused",
    ),
    "C13": (
        "test_a_document_like_athenahealths_is_read",
        "TestLaunchEndpoints.test_members_of_a_wrong_type_that_no_launch_needs_count_as_missing",
    ),
    "C14": (
        "TestPinnedHosts.test_another_host_blocks_launches",
        "test_changed_host_is_accepted_with_one_button",
    ),
    "C15": (
        "TestLaunchEndpoints.test_ten_megabytes_are_not_read",
        "TestLaunchEndpoints.test_an_answer_from_elsewhere_is_not_followed",
    ),
    "C16": (
        "TestLaunchEndpoints.test_an_epic_ehr_is_told_who_asks",
        "test_only_epic_is_told_the_client_id_on_discovery",
    ),
    "C17": (
        "TestAdd.test_what_the_ehr_lacks_is_said_at_once",
        "test_what_is_only_not_listed_is_advice",
    ),
    "C20": (
        "TestLaunchRequest.test_anything_else_is_refused",
        "TestLaunchRequest.test_iss_and_launch_are_taken_as_they_are",
    ),
    "C21": ("test_clinician_launches_inside_the_ehrs_frame",),
    "C22": (
        "TestAuthorizationRequest.test_standalone_sends_no_launch",
        "TestAuthorizationRequest.test_a_standalone_launch_sends_no_launch",
    ),
    "C23": ("TestAuthorizationRequest.test_each_visit_starts_anew",),
    "C24": ("test_a_used_launch_value_is_refused_by_the_ehr_and_said",),
    "C30": ("TestAuthorizationRequest.test_an_ehr_launch_sends_every_parameter_once",),
    "C31": ("TestAuthorizationRequest.test_an_ehr_launch_sends_every_parameter_once",),
    "C32": ("TestRandomValues.test_each_is_256_fresh_bits_in_unreserved_characters",),
    "C33": (
        "TestRandomValues.test_each_is_256_fresh_bits_in_unreserved_characters",
        "TestAuthorizationRequest.test_an_ehr_launch_sends_every_parameter_once",
    ),
    "C34": (
        "TestAuthorizationRequest.test_no_nonce_is_sent_where_no_id_token_is_asked_for",
        "TestRandomValues.test_each_is_256_fresh_bits_in_unreserved_characters",
    ),
    "C35": ("TestAuthorizationRequest.test_every_member_that_smart_asks_for_is_sent",),
    "C36": (
        "TestRequesting.test_a_good_scope_is_sent_as_it_is",
        "TestRequesting.test_a_scope_that_must_not_be_sent_is_refused",
    ),
    "C37": (
        "TestParsing.test_filters_narrow_a_scope",
        "TestParsing.test_both_versions_mean_the_same_letters",
    ),
    "C38": (
        "TestComparing.test_what_is_covered_is_granted",
        "TestParsing.test_both_versions_mean_the_same_letters",
    ),
    "C39": ("test_it_asks_for_no_wildcard",),
    "C40": ("TestRequesting.test_a_scope_that_must_not_be_sent_is_refused",),
    "C41": (
        "TestAuthorizationRequest.test_that_is_too_long_stays_an_address_where_no_form_is_taken",
        "TestAuthorizationRequest.test_what_is_too_long_for_an_address_is_posted",
    ),
    "C42": ("TestTokensLeave.test_the_way_back_leaves_nothing_in_the_address",),
    "C43": ("TestState.test_expires_after_ten_minutes",),
    "C44": (
        "TestAuthorizationRequest.test_that_is_too_long_stays_an_address_where_no_form_is_taken",
        "TestAuthorizationRequest.test_what_is_too_long_for_an_address_is_posted",
    ),
    "C50": (
        "TestState.test_two_callbacks_make_one_exchange",
        "TestState.test_of_another_browser_is_refused",
    ),
    "C51": (
        "TestBadAnswers.test_missing_iss_is_refused_where_the_ehr_promised_it",
        "test_the_issuer_parameter_is_required_when_announced",
    ),
    "C52": (
        "TestOpenRedirect.test_error_uri_is_no_link",
        "TestBadAnswers.test_error_of_the_ehr_is_explained_in_our_words_and_quoted_escaped",
    ),
    "C53": (
        "test_parameter_that_comes_twice_is_refused",
        "TestBadAnswers.test_repeated_code_is_refused",
    ),
    "C54": ("TestOpenRedirect.test_after_sign_in", "TestOpenRedirect.test_error_uri_is_no_link"),
    "C55": ("TestTokensLeave.test_the_way_back_leaves_nothing_in_the_address",),
    "C56": ("TestOnTheWay.test_redirect_uri_that_the_vendor_does_not_have",),
    "C57": (
        "TestOnTheWay.test_cookies_blocked_in_the_ehrs_frame",
        "test_callback_that_is_refused_says_so_in_the_frame_too",
        "test_no_cookies_in_the_frame_the_app_says_so_and_goes_on_in_a_window",
    ),
    "C60": (
        "TestAnswers.test_a_form_is_sent_once_as_form",
        "TestBadAnswers.test_tls_with_an_untrusted_certificate_is_refused",
    ),
    "C61": (
        "TestPrivateKeyJWT.test_client_id_is_beside_it_only_where_asked_for",
        "test_exactly_one_method_is_used",
    ),
    "C62": ("TestBasic.test_each_part_is_form_encoded_first",),
    "C63": (
        "test_it_has_the_shape_of_the_guides_worked_example",
        "TestPrivateKeyJWT.test_is_signed_by_a_published_key",
    ),
    "C64": (
        "test_a_key_only_signs_with_the_algorithm_that_fits_it",
        "TestCreateKeySet.test_an_algorithm_that_is_not_ours_is_refused",
    ),
    "C65": (
        "TestPrivateKeyJWT.test_audience_and_type_are_the_registrations",
        "TestPoisonedMetadata.test_audience_of_the_registration_is_nobody_elses_to_say",
    ),
    "C66": (
        "TestPrivateKeyJWT.test_lifetime_is_never_more_than_five_minutes",
        "test_it_lives_less_than_five_minutes_and_starts_in_the_past",
    ),
    "C67": (
        "test_every_attempt_has_its_own_jti",
        "TestPrivateKeyJWT.test_no_assertion_is_used_twice",
    ),
    "C68": (
        "test_the_type_can_be_rfc_7523_biss",
        "TestPrivateKeyJWT.test_audience_and_type_are_the_registrations",
    ),
    "C69": (
        "TestState.test_two_callbacks_make_one_exchange",
        "TestTokenEndpoint.test_that_is_slow_is_given_up",
    ),
    "C70": (
        "TestTokensLeave.test_report_of_an_exception_holds_no_value",
        "test_page_and_report_hold_nothing_secret",
    ),
    "C80": (
        "TestStrict.test_only_200_is_a_token_response",
        "TestStrict.test_one_thing_wrong_refuses_the_whole",
    ),
    "C81": (
        "TestAthenahealthsSample.test_its_tokens_and_lifetime_are_read",
        "TestLenient.test_an_absent_lifetime_is_five_minutes",
    ),
    "C82": (
        "TestComparing.test_what_is_not_wholly_covered_is_missing",
        "TestParsing.test_what_does_not_parse_gives_no_permission",
    ),
    "C83": ("TestAllowing.test_a_search_needs_a_scope_that_gives_it",),
    "C84": (
        "TestLenient.test_a_token_of_16_kilobytes_passes",
        "TestStrict.test_one_thing_wrong_refuses_the_whole",
    ),
    "C85": (
        "TestBasic.test_secret_comes_sealed_out_of_the_database",
        "test_sealed_tokens_moved_to_another_launch_do_not_open",
    ),
    "C86": (
        "TestLenient.test_unknown_members_are_kept_and_known_ones_are_not_repeated",
        "TestExtras.test_they_are_bounded_in_size_and_number",
    ),
    "C87": (
        "test_token_response_that_two_readers_could_read_differently",
        "TestExtras.test_the_state_in_the_body_is_not_used_for_anything",
    ),
    "C88": ("TestLenient.test_unknown_members_are_kept_and_known_ones_are_not_repeated",),
    "C90": (
        "TestIDToken.test_that_fails_a_check_is_refused",
        "TestAccessTokenHash.test_when_it_is_there_it_has_to_be_right",
    ),
    "C91": (
        "TestIssuerKeys.test_an_unexpected_issuer_is_never_asked",
        "TestIssuerKeys.test_they_are_those_that_the_openid_configuration_names",
    ),
    "C92": (
        "TestIssuerKeys.test_an_unknown_kid_fetches_them_again_once_a_minute",
        "TestHeader.test_an_unknown_kid_is_worth_fresh_keys",
    ),
    "C93": (
        "TestDiscovery.test_who_named_a_second_issuer_has_accepted_its_host",
        "TestIssuerKeys.test_each_expected_issuer_is_asked_for_its_own",
    ),
    "C94": ("TestSharedWorkstation.test_next_person_closes_the_pages_of_the_last_one",),
    "C95": (
        "TestFHIRUser.test_absolute_and_relative_mean_the_same",
        "TestFHIRUser.test_a_person_elsewhere_is_shown_but_not_read",
    ),
    "C96": ("TestUser.test_a_proxy_is_never_taken_for_the_patient",),
    "C97": (
        "test_nobody_is_signed_in_where_no_id_token_came",
        "TestIDToken.test_that_is_missing_is_refused",
    ),
    "C98": ("TestFailure.test_one_of_another_client_person_or_issuer_is_not",),
    "C100": (
        "test_a_clinicians_launch_is_read_whole",
        "TestAthenahealthsSample.test_its_launch_context_is_beside_the_tokens",
    ),
    "C101": (
        "TestResource.test_another_id_is_another_person",
        "TestPages.test_wrong_patient_is_never_shown",
    ),
    "C102": (
        "TestWrongPatient.test_an_encounter_of_another_patient_is_hidden",
        "TestIds.test_anything_else_stops_the_launch",
    ),
    "C103": (
        "TestFHIRContext.test_an_entry_names_something",
        "TestFHIRContext.test_an_entry_that_is_not_understood_is_skipped",
    ),
    "C104": (
        "TestBanner.test_name_birth_date_sex_and_identifier_are_always_there",
        "test_the_patient_stays_in_sight_and_hides_no_heading",
    ),
    "C105": ("test_odd_decoration_is_left_out_with_a_note",),
    "C106": ("test_looks_of_the_ehr_are_a_stylesheet", "test_document_that_is_no_use_is_no_style"),
    "C107": ("test_odd_decoration_is_left_out_with_a_note",),
    "C108": ("TestReading.test_athenas_practice_is_named_only_when_the_launch_named_it",),
    "C109": (
        "TestConnection.test_vendor_members_are_shown_as_they_came",
        "TestExtras.test_vendor_members_are_kept_as_they_are",
    ),
    "C110": (
        "TestNoPatient.test_the_page_says_what_to_do",
        "TestIds.test_null_and_empty_mean_that_none_was_chosen",
    ),
    "C111": (
        "TestTokensLeave.test_no_page_shows_one",
        "TestExtras.test_what_may_be_a_secret_is_not_shown",
    ),
    "C120": (
        "TestRefresh.test_expired_access_token_is_refreshed_once_and_the_page_works",
        "TestRequests.test_a_refresh_sends_a_scope_only_where_one_is_wanted",
    ),
    "C121": (
        "TestMoreThanWasAskedFor.test_is_said_on_the_page_and_never_asked_for_in_a_refresh",
        "TestRefresh.test_scope_is_sent_only_where_the_registration_says_so",
    ),
    "C122": (
        "TestRefresh.test_new_refresh_token_replaces_the_old_one",
        "TestRefresh.test_old_refresh_token_is_kept_where_none_comes",
    ),
    "C123": (
        "TestRefresh.test_twenty_parallel_loads_send_one_refresh",
        "test_twenty_loads_over_two_processes_send_one_refresh",
    ),
    "C124": (
        "TestFailure.test_browser_that_leaves_does_not_lose_the_new_refresh_token",
        "TestTokensThatNobodyHas.test_of_a_browser_that_left_during_the_exchange",
    ),
    "C125": (
        "TestFailure.test_invalid_grant_ends_the_launch_and_destroys_its_tokens",
        "TestFailure.test_anything_else_keeps_it_and_backs_off",
    ),
    "C126": (
        "TestFailure.test_another_patient_stops_the_launch",
        "test_another_patient_ends_the_launch",
    ),
    "C127": ("TestPages.test_lasting_access_lives_as_long_as_an_unused_refresh_token",),
    "C128": (
        "TestBudget.test_in_no_minute_are_there_more",
        "TestBudget.test_100_launches_send_no_more_than_the_vendor_takes",
    ),
    "C129": ("TestFailure.test_online_access_may_end_at_any_moment",),
    "C130": (
        "test_both_tokens_are_asked_about_by_post",
        "test_inactive_token_is_shown_as_that_and_nothing_else_is_believed",
    ),
    "C131": ("test_both_fields_are_sent", "test_only_athena_is_shown_a_token_in_an_address"),
    "C132": (
        "test_what_is_granted_now_is_compared_with_what_was",
        "test_another_patient_ends_the_launch",
    ),
    "C133": (
        "TestDisconnect.test_refresh_token_goes_first_then_the_access_token",
        "TestPages.test_disconnect_destroys_although_the_ehr_is_not_told",
    ),
    "C134": (
        "TestSignedOut.test_sign_out_at_the_ehr_is_offered_where_there_is_one",
        "TestOpenIDConfiguration.test_it_names_where_people_sign_out",
    ),
    "C135": (
        "TestPages.test_disconnect_revokes_and_destroys",
        "TestRefresh.test_second_401_ends_the_launch",
    ),
    "C140": (
        "test_the_token_goes_below_the_base_only",
        "TestForeignHosts.test_links_references_and_pictures_are_not_followed",
    ),
    "C141": (
        "TestRefresh.test_401_refreshes_once_and_reads_again",
        "TestEndedLaunch.test_second_401_ends_it_for_programs_too",
    ),
    "C142": (
        "TestErrorText.test_it_is_short_plain_and_without_tokens",
        "TestErrorText.test_one_line_is_told",
    ),
    "C143": (
        "TestWrongPatient.test_another_patients_resources_are_dropped_with_an_alarm",
        "TestPatientOf.test_the_patient_a_resource_is_about",
    ),
    "C144": ("Test429.test_nobody_asks_before_the_ehr_says_so", "Test429.test_for_how_long"),
    "C145": (
        "TestToken.test_is_asked_for_with_an_assertion_and_the_scope",
        "TestToken.test_is_kept_until_it_expires",
    ),
    "C146": (
        "TestToken.test_scope_of_a_person_is_never_sent",
        "TestBackend.test_scopes_about_a_person_are_refused",
    ),
    "C150": (
        "test_nobody_else_may_frame_the_app",
        "TestFrameThatNobodyAllowed.test_is_told_so_before_the_ehr_is_asked",
        "TestFrameThatNobodyAllowed.test_of_an_open_launch_gets_nothing_of_it",
    ),
    "C151": ("test_clinician_launches_inside_the_ehrs_frame",),
    "C152": (
        "TestSafety.test_nothing_leads_out_of_a_frame",
        "test_framed_app_cannot_lead_the_ehr_away",
    ),
    "C153": (
        "TestAllowedFrame.test_a_sign_in_of_its_own_window",
        "test_sign_in_that_refuses_frames_goes_on_in_a_new_window",
        "test_popup_of_an_ehr_stays_tied_to_it_on_every_step",
    ),
    "C154": (
        "TestPages.test_two_launches_in_one_browser_keep_their_own_patients",
        "TestSharedWorkstation.test_same_person_keeps_every_page",
    ),
    "C155": (
        "TestPages.test_other_browser_gets_404",
        "TestNobodyElse.test_another_browser_is_told_nothing",
    ),
    "C156": (
        "TestPatientChangedInTheEHR.test_page_is_closed_and_stays_closed",
        "TestPatientChanged.test_launch_is_over_and_the_ehr_will_be_told",
    ),
    "C158": ("test_a_page_that_has_grown_old_says_so",),
    "C159": ("test_form_of_one_launch_ends_no_other",),
    "C160": ("TestEndedElsewhere.test_back_shows_nothing_after_the_end",),
    "C162": (
        "TestOnSQLite.test_brands_are_found_best_first",
        "TestHome.test_a_brand_with_several_portals_asks_which",
    ),
}
