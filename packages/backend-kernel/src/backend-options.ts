import { inspect } from 'node:util'
/** Options of the kernel backend: `kernel` in hmm.config. */
export interface KernelOptions {
  /** Path of the agent; HMM_SDK_AGENT or `agent/hmm-agent` of this package if left out. */
  readonly agent?: string | undefined
  /** The module's node; `/dev/hmm_sdk` if left out. */
  readonly node?: string | undefined
}

/** Checks them. TypeError for an unknown key or a value of the wrong type. */
export function checkOptions(options: unknown): { node: string; agent: string | undefined } {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw new TypeError(`kernel options are an object, not ${inspect(options)}`)
  }
  const { agent, node, ...rest } = (options ?? {}) as Record<string, unknown>
  const unknown = Object.keys(rest)
  if (unknown.length > 0) {
    throw new TypeError(`unknown kernel option '${unknown.join("', '")}' (known: agent, node)`)
  }
  for (const [name, value] of Object.entries({ agent, node })) {
    if (value !== undefined && typeof value !== 'string') {
      throw new TypeError(`kernel option '${name}' is a path, not ${inspect(value)}`)
    }
  }
  return {
    agent: agent as string | undefined,
    node: (node as string | undefined) ?? '/dev/hmm_sdk',
  }
}
