//! The shared core: nouns and their SQL, live feed, capacity, leases, jobs, sign-in.
