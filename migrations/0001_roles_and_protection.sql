-- The two roles that code runs as, and the functions that put a table under row-level security.
-- `switchboard_app` sees one tenant at a time; `switchboard_system` has narrow grants for look-ups that come before a
-- tenant is known (which tenant owns this number?) and for sweeps over all tenants. Neither can log in or owns anything:
-- the transaction helper in hub/src/db.rs takes one of them on for the length of a transaction.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_app') THEN
        CREATE ROLE switchboard_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_system') THEN
        CREATE ROLE switchboard_system NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION
    -- Two databases of one server migrating at once: the roles belong to the server, the other one made them.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA public TO switchboard_app, switchboard_system;

-- Puts a tenant's table under row-level security, forced on its owner too, with the one policy every table has. An unset
-- tenant is an error (fail closed), never "all rows".
CREATE FUNCTION protect_table(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY tenant ON %s TO switchboard_app USING (tenant_id = current_setting(''app.tenant'')::uuid) '
        'WITH CHECK (tenant_id = current_setting(''app.tenant'')::uuid)', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO switchboard_app', target);
END
$$;

-- Gives the system role named rights on a protected table. hub's catalogue test lists which tables may have it.
CREATE FUNCTION open_to_system(target regclass, rights text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY system ON %s TO switchboard_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT %s ON %s TO switchboard_system', rights, target);
END
$$;
REVOKE ALL ON FUNCTION protect_table(regclass), open_to_system(regclass, text) FROM PUBLIC;
