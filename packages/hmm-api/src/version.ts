/**
 * Version of the raw interface in `./raw`, which every backend states as `apiVersion`.
 *
 * Semver: a backend works when the major is the same and its minor is not newer than ours.
 */
export const API_VERSION = '0.1.0'
