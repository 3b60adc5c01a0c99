import { openBackend } from '@hmm-sdk/hmm-api'
import { conformance } from '@hmm-sdk/hmm-api/conformance'
import { describe, it } from 'vitest'
import { createBackend } from '@hmm-sdk/backend-sim'

conformance({ describe, it, open: () => openBackend({ backend: createBackend }) })
