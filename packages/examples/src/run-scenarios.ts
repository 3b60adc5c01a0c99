import { exampleConfig } from './example-config.js'
import { nouveauRacing } from './nouveau/racing.js'
import { odpRacing } from './odp/racing.js'

const { devices = {} } = exampleConfig()

/** For the command `hmm`: `hmm explore @hmm-sdk/examples/scenarios#odp`. */
export const odp = { scenario: odpRacing, name: 'odp', devices }
/** The same for the GPU. */
export const nouveau = { scenario: nouveauRacing, name: 'nouveau', devices }
