//! Stage acquire: bars and corporate actions from a source, checked, counted and stored.
