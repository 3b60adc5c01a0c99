import { fileURLToPath } from 'node:url'

/** The package's folder: sources and build lie one level below it. Ends with a slash. */
export const packageFolder = fileURLToPath(new URL('../', import.meta.url))
