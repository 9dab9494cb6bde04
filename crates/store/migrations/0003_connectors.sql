-- Endpoints that speak to other people's APIs: what of their settings is secret, and attempts whose status says too little.
ALTER TABLE endpoint ADD COLUMN hidden TEXT NOT NULL DEFAULT '{}';  -- JSON {name: value}: never shown
ALTER TABLE attempt ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;    -- 1: it was taken, whatever the status says
UPDATE attempt SET taken = 1 WHERE status BETWEEN 200 AND 299;
