import type { HmmConfig } from '../config-types.js'

/** The config as it is; gives `hmm.config.ts` its types. */
export function defineConfig(config: HmmConfig): HmmConfig {
  return config
}
