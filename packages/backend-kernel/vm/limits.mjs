/** The limit of a whole run. */
export const TIMEOUT_MS = 600_000

/** The limit of the unloading of the module. */
export const UNLOAD_SECONDS = 30
