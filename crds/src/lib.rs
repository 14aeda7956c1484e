//! API types of group trading.ats.dev, with their conditions and reasons.
