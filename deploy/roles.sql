-- Two roles for the database: smartapp_owner owns the tables and migrates; smartapp runs the app, and
-- can neither change nor remove an entry of the audit trail, nor switch off what refuses it.
--
-- As a superuser, in the app's database: before the first `migrate`, and after each one.
--   sudo -u postgres psql -v ON_ERROR_STOP=1 -d smartapp -f deploy/roles.sql
-- `migrate` runs with DATABASE_URL=postgres://smartapp_owner@…, everything else with
-- postgres://smartapp@…. Give each a password (\password) unless the server knows them by their
-- system user. Tried by tests/test_database_roles.py.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'smartapp_owner') THEN
        CREATE ROLE smartapp_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'smartapp') THEN
        CREATE ROLE smartapp LOGIN;
    END IF;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO smartapp_owner;
GRANT USAGE ON SCHEMA public TO smartapp;

-- What is there, and what later versions add.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO smartapp;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO smartapp;
ALTER DEFAULT PRIVILEGES FOR ROLE smartapp_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO smartapp;
ALTER DEFAULT PRIVILEGES FOR ROLE smartapp_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO smartapp;

-- The audit trail takes entries and gives them back. Nor is the list of migrations the app's.
DO $$
BEGIN
    IF to_regclass('public.audit_auditevent') IS NOT NULL THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON audit_auditevent FROM smartapp;
    END IF;
    IF to_regclass('public.django_migrations') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM smartapp;
    END IF;
END $$;
