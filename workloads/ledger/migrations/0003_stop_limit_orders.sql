-- Where a stop-limit order begins to work, as decided and rescaled by splits since; `price` is its limit.
ALTER TABLE orders ADD COLUMN trigger_price TEXT;
ALTER TABLE orders ADD COLUMN working_trigger_price TEXT;
