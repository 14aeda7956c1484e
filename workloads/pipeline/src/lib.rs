//! Stage specs, keys, the planner and the pod contract.
