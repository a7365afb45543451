"""The statements of ``incoming``, in the order they run. Private to the context.

All work on the temporary table ``incoming_contacts``. A row is *plain* when it makes a new contact, is
alone about it and has at most one e-mail address: such rows, nearly all of a new file, take the short
way; for the others the tables ``incoming_emails``, ``incoming_phones`` and ``incoming_changes`` are made.
"""

# ruff: noqa: S608 (statements are put together from constants of this file alone)

_PLAIN_KEY = """(CASE WHEN left(btrim({0}), 1) = '+' THEN '+' ELSE '' END
    || regexp_replace({0}, '[^0-9]', '', 'g'))"""
# The temporary tables are the transaction's own, so of the workspace the repo binds.
_OURS = "CAST(:workspace_id AS uuid) IS NOT NULL"
_FULL_NAME = "btrim(concat_ws(' ', {0}.first_name, {0}.last_name))"

# What is known is asked row by row through an index, never by a join: the planner cannot know how little
# of a big table a chunk touches, least of all right after it was filled. For the same reason the
# workspace is compared ``IS TRUE`` beside an id: a new workspace looks empty to the planner, and it would
# take any index that begins with one.
TAKE_IN = f"""
CREATE TEMPORARY TABLE incoming_rows ON COMMIT DROP AS
SELECT s.*, n.full_name, CASE s.kind
        WHEN 'e' THEN 'e' || lower(s.emails[1])
        WHEN 'p' THEN 'p' || s.phone_keys[1] || ' ' || n.full_name
        ELSE 'h' || s.hash END AS identity,
    CASE s.kind
        WHEN 'e' THEN (
            SELECT e.contact_id FROM contact_emails e
            WHERE e.workspace_id = :workspace_id AND e.address_key = lower(s.emails[1]))
        WHEN 'p' THEN (
            SELECT c.id FROM contact_phones p
            JOIN contacts c ON c.id = p.contact_id
            WHERE p.workspace_id = :workspace_id
                AND p.number_key = ANY (ARRAY[s.phone_keys[1], {_PLAIN_KEY.format("s.phones[1]")}])
                AND lower({_FULL_NAME.format("c")}) = n.full_name
            ORDER BY c.inserted_at, c.id LIMIT 1)
        ELSE (
            SELECT c.id FROM contacts c
            WHERE c.workspace_id = :workspace_id AND c.import_key = decode(s.hash, 'hex'))
        END AS known_id
FROM ({{rows}}) AS s
CROSS JOIN LATERAL (SELECT lower({_FULL_NAME.format("s")}) AS full_name) n
"""

MATCH = f"""
CREATE TEMPORARY TABLE incoming_contacts ON COMMIT DROP AS
WITH claims AS (
    SELECT ordinal, identity FROM incoming_rows
    UNION ALL
    SELECT ordinal, 'e' || lower(unnest(emails[2:])) FROM incoming_rows
    WHERE kind = 'e' AND cardinality(emails) > 1
    UNION ALL
    SELECT ordinal, 'p' || unnest(phone_keys[2:]) || ' ' || full_name FROM incoming_rows
    WHERE kind = 'p' AND cardinality(phone_keys) > 1
), owners AS (
    SELECT identity, min(ordinal) AS lead FROM claims GROUP BY identity
)
SELECT s.*, o.lead, s.known_id IS NOT NULL AS is_known,
    CASE WHEN s.known_id IS NOT NULL THEN s.known_id
         WHEN o.lead = s.ordinal THEN s.new_id END AS contact_id,
    s.known_id IS NULL AND o.lead = s.ordinal AND cardinality(s.emails) <= 1 AS is_plain,
    true AS is_lead, false AS has_earlier, false AS has_changed, 'created' AS fate,
    CAST(NULL AS jsonb) AS remarks
FROM incoming_rows s
JOIN owners o ON o.identity = s.identity
WHERE {_OURS}
"""

SHAPE = f"""
SELECT count(*) FILTER (WHERE contact_id IS NULL) AS followers,
       count(*) FILTER (WHERE is_known) AS known,
       count(*) FILTER (WHERE cardinality(emails) > 1) AS rich
FROM incoming_contacts
WHERE {_OURS}
"""

# Each pass halves the way to the end of a chain: a row that follows a row that follows a row.
FOLLOW = f"""
UPDATE incoming_contacts f SET lead = l.lead, contact_id = l.contact_id, is_known = l.is_known
FROM incoming_contacts l
WHERE f.contact_id IS NULL AND l.ordinal = f.lead AND {_OURS}
"""

LEAD = f"""
WITH groups AS (
    SELECT contact_id, min(ordinal) AS lead FROM incoming_contacts
    GROUP BY contact_id HAVING count(*) > 1
)
UPDATE incoming_contacts i SET is_lead = i.ordinal = g.lead, is_plain = false
FROM groups g
WHERE i.contact_id = g.contact_id AND {_OURS}
"""

NOTICE_EARLIER = """
UPDATE incoming_contacts i SET has_earlier = true
WHERE i.is_known
    AND (SELECT true FROM ({earlier}) AS e WHERE e.contact_id = i.contact_id LIMIT 1) IS NOT NULL
"""

FOLLOWERS = f"""
SELECT count(*) FROM incoming_contacts
WHERE (has_earlier OR NOT is_lead) AND {_OURS}
"""

FIRST = """
CREATE TEMPORARY TABLE incoming_first ON COMMIT DROP AS
WITH said AS (
    SELECT i.contact_id, i.ordinal, i.first_name, i.last_name, i.organization, i.notes,
        false AS is_earlier
    FROM incoming_contacts i
    WHERE i.contact_id IN (SELECT contact_id FROM incoming_contacts WHERE has_earlier OR NOT is_lead)
    UNION ALL
    SELECT e.contact_id, e.ordinal, e.first_name, e.last_name, e.organization, e.notes, true
    FROM (SELECT DISTINCT contact_id FROM incoming_contacts WHERE has_earlier) k
    CROSS JOIN LATERAL (
        SELECT * FROM ({earlier}) AS a WHERE a.contact_id = k.contact_id OFFSET 0
    ) e
)
SELECT contact_id,
    (array_agg(first_name ORDER BY is_earlier DESC, ordinal)
        FILTER (WHERE first_name IS NOT NULL))[1] AS first_name,
    (array_agg(last_name ORDER BY is_earlier DESC, ordinal)
        FILTER (WHERE last_name IS NOT NULL))[1] AS last_name,
    (array_agg(organization ORDER BY is_earlier DESC, ordinal)
        FILTER (WHERE organization IS NOT NULL))[1] AS organization,
    (array_agg(notes ORDER BY is_earlier DESC, ordinal)
        FILTER (WHERE notes IS NOT NULL))[1] AS notes,
    bool_or(is_earlier AND first_name IS NOT NULL) AS had_first_name,
    bool_or(is_earlier AND last_name IS NOT NULL) AS had_last_name,
    bool_or(is_earlier AND organization IS NOT NULL) AS had_organization,
    bool_or(is_earlier AND notes IS NOT NULL) AS had_notes
FROM said
GROUP BY contact_id
"""

REMARK = f"""
UPDATE incoming_contacts i SET remarks = r.remarks
FROM (
    SELECT f.ordinal, jsonb_agg(jsonb_build_object('column', v.name, 'kept', v.kept, 'value', v.value)
        ORDER BY v.place) AS remarks
    FROM incoming_contacts f
    JOIN incoming_first k ON k.contact_id = f.contact_id
    CROSS JOIN LATERAL (VALUES
        (1, 'first_name', k.first_name, f.first_name),
        (2, 'last_name', k.last_name, f.last_name),
        (3, 'organization', k.organization, f.organization),
        (4, 'notes', k.notes, f.notes)
    ) AS v (place, name, kept, value)
    WHERE (f.has_earlier OR NOT f.is_lead)
        AND v.value <> v.kept AND (v.place <> 3 OR lower(v.value) <> lower(v.kept))
    GROUP BY f.ordinal
) r
WHERE i.ordinal = r.ordinal AND {_OURS}
"""

# The lead speaks for all: what earlier calls have said already is not said again.
FOLD = f"""
UPDATE incoming_contacts i SET
    first_name = CASE WHEN NOT k.had_first_name THEN k.first_name END,
    last_name = CASE WHEN NOT k.had_last_name THEN k.last_name END,
    organization = CASE WHEN NOT k.had_organization THEN k.organization END,
    notes = CASE WHEN NOT k.had_notes THEN k.notes END
FROM incoming_first k
WHERE k.contact_id = i.contact_id AND i.is_lead AND {_OURS}
"""

# One row for each address somebody claims: its owner, if it has one, else the first who claims it.
# The first address of a known contact is left out: it is how the contact was found.
NEW_EMAILS = """
CREATE TEMPORARY TABLE incoming_emails ON COMMIT DROP AS
WITH claims AS (
    SELECT ordinal, contact_id, is_plain, is_known AND kind = 'e' AS is_by_email,
        generate_subscripts(emails, 1) AS place, unnest(emails) AS address
    FROM incoming_contacts
), firsts AS (
    SELECT DISTINCT ON (lower(address)) *, lower(address) AS address_key
    FROM claims
    WHERE NOT (is_by_email AND place = 1)
    ORDER BY lower(address), ordinal, place
)
SELECT f.contact_id, f.ordinal, f.place, f.address, f.address_key, f.is_plain,
    coalesce(f.known_id, f.contact_id) AS owner_id, f.known_id IS NULL AS is_new
FROM (
    SELECT *, (
        SELECT e.contact_id FROM contact_emails e
        WHERE e.workspace_id = :workspace_id AND e.address_key = firsts.address_key) AS known_id
    FROM firsts
) f
"""

NEW_PHONES = f"""
CREATE TEMPORARY TABLE incoming_phones ON COMMIT DROP AS
WITH claims AS (
    SELECT ordinal, contact_id, is_known, generate_subscripts(phones, 1) AS place,
        unnest(phones) AS number, unnest(phone_keys) AS number_key
    FROM incoming_contacts
    WHERE NOT is_plain
), firsts AS (
    SELECT DISTINCT ON (contact_id, number_key) * FROM claims
    ORDER BY contact_id, number_key, ordinal, place
)
SELECT f.contact_id, f.ordinal, f.place, f.number, f.number_key
FROM firsts f
WHERE NOT f.is_known OR (
    SELECT true FROM contact_phones p
    WHERE p.contact_id = f.contact_id AND (p.workspace_id = :workspace_id) IS TRUE
        AND p.number_key IN (f.number_key, {_PLAIN_KEY.format("f.number")}) LIMIT 1) IS NULL
"""

REMARK_TAKEN = f"""
UPDATE incoming_contacts i SET remarks = coalesce(i.remarks, CAST('[]' AS jsonb)) || r.remarks
FROM (
    SELECT c.ordinal, jsonb_agg(jsonb_build_object('column', 'email', 'kept', NULL, 'value', c.address)
        ORDER BY c.place) AS remarks
    FROM (
        SELECT ordinal, contact_id, generate_subscripts(emails, 1) AS place, unnest(emails) AS address
        FROM incoming_contacts WHERE cardinality(emails) > 1
    ) c
    JOIN incoming_emails e ON e.address_key = lower(c.address) AND e.owner_id <> c.contact_id
    WHERE c.place > 1
    GROUP BY c.ordinal
) r
WHERE i.ordinal = r.ordinal AND {_OURS}
"""

CHANGES = """
CREATE TEMPORARY TABLE incoming_changes ON COMMIT DROP AS
WITH emails AS (
    SELECT contact_id, array_agg(address ORDER BY ordinal, place) AS added
    FROM incoming_emails WHERE is_new AND NOT is_plain GROUP BY contact_id
), phones AS (
    SELECT contact_id, array_agg(number ORDER BY ordinal, place) AS added
    FROM incoming_phones GROUP BY contact_id
)
SELECT i.contact_id, i.is_known, i.ordinal, i.kind, i.hash, c.version,
    coalesce(i.first_name, c.first_name) AS first_name,
    coalesce(i.last_name, c.last_name) AS last_name,
    coalesce(i.notes, c.notes) AS notes,
    CASE WHEN o.id IS NULL OR lower(i.organization) <> o.name_key THEN i.organization END
        AS new_organization,
    c.organization_id, o.name AS organization,
    ARRAY(SELECT address FROM contact_emails x WHERE x.contact_id = c.id ORDER BY position)
        || e.added AS emails,
    ARRAY(SELECT number FROM contact_phones x WHERE x.contact_id = c.id ORDER BY position)
        || p.added AS phones
FROM incoming_contacts i
LEFT JOIN LATERAL (
    SELECT * FROM contacts x
    WHERE i.is_known AND x.id = i.contact_id AND (x.workspace_id = :workspace_id) IS TRUE OFFSET 0
) c ON true
LEFT JOIN organizations o ON o.id = c.organization_id
LEFT JOIN emails e ON e.contact_id = i.contact_id
LEFT JOIN phones p ON p.contact_id = i.contact_id
WHERE i.is_lead AND NOT i.is_plain AND (
    c.id IS NULL OR e.added IS NOT NULL OR p.added IS NOT NULL
    OR i.first_name <> coalesce(c.first_name, '') OR i.last_name <> coalesce(c.last_name, '')
    OR i.notes <> coalesce(c.notes, '') OR lower(i.organization) <> coalesce(o.name_key, ''))
"""

LOCK = """
SELECT count(*) FROM (
    SELECT c.id FROM contacts c JOIN incoming_changes i ON i.contact_id = c.id
    WHERE i.is_known AND (c.workspace_id = :workspace_id) IS TRUE
    ORDER BY c.id FOR UPDATE OF c
) locked
"""

LOCK_MATCHED = """
SELECT count(*) FROM (
    SELECT c.id FROM contacts c
    WHERE c.workspace_id = :workspace_id AND c.id IN (SELECT contact_id FROM incoming_contacts)
    ORDER BY c.id FOR UPDATE
) locked
"""

MISSING_ORGANIZATIONS = """
WITH named AS (
    SELECT DISTINCT ON (lower(organization)) organization, lower(organization) AS name_key
    FROM incoming_contacts WHERE organization IS NOT NULL AND is_lead
    ORDER BY lower(organization), ordinal
)
SELECT n.organization FROM named n
WHERE (
    SELECT o.id FROM organizations o
    WHERE o.workspace_id = :workspace_id AND o.name_key = n.name_key) IS NULL
ORDER BY n.name_key
"""

ADD_ORGANIZATIONS = """
INSERT INTO organizations (id, workspace_id, name, version)
SELECT id, :workspace_id, name, 1
FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS n (id, name)
ON CONFLICT (workspace_id, name_key) DO NOTHING
"""

# What lists show and what searches find, word for word as the form writes them (``_compose``).
_INSERT = """
INSERT INTO contacts (id, workspace_id, first_name, last_name, organization_id, notes, import_key,
    version, name, search)
SELECT i.contact_id, :workspace_id, i.first_name, i.last_name,
    (SELECT o.id FROM organizations o
     WHERE o.workspace_id = :workspace_id AND o.name_key = lower({organization})),
    i.notes,
    CASE WHEN i.kind = 'h' THEN decode(i.hash, 'hex') END, 1, {name}, {search}
FROM {table} i
CROSS JOIN LATERAL (SELECT btrim(concat_ws(' ', i.first_name, i.last_name)) AS full_name) n
WHERE {condition}
ORDER BY i.ordinal
"""
_NAME = "coalesce(nullif(n.full_name, ''), {0}, i.emails[1], i.phones[1], '')"
_SEARCH = """lower(btrim(n.full_name || ' ' || coalesce({0}, '')
    || coalesce(' ' || nullif(array_to_string(i.emails, ' '), ''), '')
    || coalesce(' ' || nullif(array_to_string(i.phones, ' '), ''), '')))"""

INSERT_PLAIN = _INSERT.format(
    name=_NAME.format("i.organization"),
    search=_SEARCH.format("i.organization"),
    table="incoming_contacts",
    organization="i.organization",
    condition="i.is_plain",
)
INSERT_CHANGED = _INSERT.format(
    name=_NAME.format("i.new_organization"),
    search=_SEARCH.format("i.new_organization"),
    table="incoming_changes",
    organization="i.new_organization",
    condition="NOT i.is_known",
)

UPDATE_CHANGED = f"""
WITH written AS (
    UPDATE contacts c SET
        first_name = i.first_name, last_name = i.last_name, notes = i.notes,
        organization_id = i.organization_id, name = i.name, search = i.search,
        version = c.version + 1, updated_at = now()
    FROM (
        SELECT i.contact_id, i.version, i.first_name, i.last_name, i.notes,
            coalesce((
                SELECT o.id FROM organizations o
                WHERE o.workspace_id = :workspace_id AND o.name_key = lower(i.new_organization)
            ), i.organization_id) AS organization_id,
            {_NAME.format("coalesce(i.new_organization, i.organization)")} AS name,
            {_SEARCH.format("coalesce(i.new_organization, i.organization)")} AS search
        FROM incoming_changes i
        CROSS JOIN LATERAL (SELECT btrim(concat_ws(' ', i.first_name, i.last_name)) AS full_name) n
        WHERE i.is_known
    ) i
    WHERE c.id = i.contact_id AND c.version = i.version
        AND (c.workspace_id = :workspace_id) IS TRUE
    RETURNING c.id
)
SELECT (SELECT count(*) FROM incoming_changes WHERE is_known) AS expected,
       (SELECT count(*) FROM written) AS written
"""

INSERT_PLAIN_EMAILS = """
INSERT INTO contact_emails (workspace_id, contact_id, position, address, address_key)
SELECT :workspace_id, contact_id, 0, emails[1], lower(emails[1])
FROM incoming_contacts WHERE is_plain AND emails <> '{}' ORDER BY ordinal
"""

INSERT_PLAIN_PHONES = """
INSERT INTO contact_phones (workspace_id, contact_id, position, number, number_key)
SELECT :workspace_id, contact_id, generate_subscripts(phones, 1) - 1, unnest(phones), unnest(phone_keys)
FROM incoming_contacts WHERE is_plain AND phones <> '{}'
"""

_ADD = """
INSERT INTO {table} (workspace_id, contact_id, position, {columns})
SELECT :workspace_id, n.contact_id,
    coalesce((SELECT max(x.position) + 1 FROM {table} x WHERE x.contact_id = n.contact_id), 0)
        + row_number() OVER (PARTITION BY n.contact_id ORDER BY n.ordinal, n.place) - 1,
    {columns}
FROM {source} n
WHERE {condition}
"""
INSERT_EMAILS = _ADD.format(
    table="contact_emails",
    columns="address, address_key",
    source="incoming_emails",
    condition="n.is_new AND NOT n.is_plain",
)
INSERT_PHONES = _ADD.format(
    table="contact_phones",
    columns="number, number_key",
    source="incoming_phones",
    condition="true",
)

DECIDE = f"""
UPDATE incoming_contacts i SET has_changed = c.contact_id IS NOT NULL, fate = CASE
    WHEN i.has_earlier OR NOT i.is_lead THEN 'merged'
    WHEN NOT i.is_known THEN 'created'
    WHEN c.contact_id IS NOT NULL THEN 'updated'
    ELSE 'unchanged' END
FROM incoming_contacts j LEFT JOIN incoming_changes c ON c.contact_id = j.contact_id
WHERE i.ordinal = j.ordinal AND NOT i.is_plain AND {_OURS}
"""

COUNTS = f"""
SELECT count(*) FILTER (WHERE fate = 'created') AS created,
       count(*) FILTER (WHERE fate = 'updated') AS updated,
       count(*) FILTER (WHERE fate = 'unchanged') AS unchanged,
       count(*) FILTER (WHERE fate = 'merged') AS merged,
       count(*) FILTER (WHERE is_lead AND has_earlier AND has_changed) > 0 AS changed_before
FROM incoming_contacts
WHERE {_OURS}
"""
