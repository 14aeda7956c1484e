//! Orders, fills, positions, halts and runs in SQLite or PostgreSQL.
