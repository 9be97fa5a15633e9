//! Background jobs and the scheduler.
