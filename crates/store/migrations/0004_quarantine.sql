-- An erasure takes from the quarantine what contradicts each of its rows.
CREATE INDEX quarantine_of ON quarantine (pos) WHERE pos IS NOT NULL;
