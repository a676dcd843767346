//! Drawing of a machine.
