import { checkDeviceConfigs } from '../config-devices.js'
import type { HmmConfig } from '../config-types.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import type { CreateBackend, RawBackend } from '../raw/raw-backend.js'
import { Backend, type LeakReport } from './backend.js'
import { checkOptions } from './check.js'

/** Which backend, and with which config. Argument > `HMM_BACKEND` > config file > `sim`. */
export interface OpenBackendOptions {
  /**
   * `'sim'`, `'kernel'`, a package name, or a backend itself: its `createBackend`, or what that
   * made. With a backend itself nothing is looked up, no file is read, and a browser will do.
   */
  readonly backend?: string | CreateBackend | RawBackend | undefined
  /** Options for a `createBackend` given as `backend`; the config's `sim` if left out. */
  readonly options?: unknown
  /** The config itself, the path of a config file, or false for none. Default: hmm.config.* */
  readonly config?: HmmConfig | string | false | undefined
}

/** What the Node-only part of this package does for `openBackend`. */
export interface BackendLoader {
  loadBackend(options: OpenBackendOptions): Promise<{ raw: RawBackend; config: HmmConfig }>
}

// A variable, so that bundlers for browsers leave the Node-only part alone.
const LOADER = '@hmm-sdk/hmm-api/config'

/**
 * Opens the backend that argument, environment and config file choose.
 *
 * Errors: ENOENT (unknown name or missing package; the hint has the install command), EPROTO (API
 * versions do not fit), EINVAL (bad config: file, key and reason), and what the backend gives:
 * ENODEV (no module), EACCES (no permission).
 */
export async function openBackend(options: OpenBackendOptions = {}): Promise<Backend> {
  checkKeys(options)
  const { backend, config } = options
  if (typeof backend === 'function' || typeof backend === 'object') {
    if (typeof config === 'string') {
      throw new TypeError('a config file needs a backend by name; give the config itself')
    }
    const given = config === false ? {} : (config ?? {})
    checkDeviceConfigs(given.devices)
    const raw =
      typeof backend === 'function' ? await backend(options.options ?? given.sim ?? {}) : backend
    return new Backend(raw, given)
  }
  const { loadBackend } = (await loader()) as BackendLoader
  const loaded = await loadBackend(options)
  try {
    return new Backend(loaded.raw, loaded.config)
  } catch (error) {
    await loaded.raw.close()
    throw error
  }
}

/**
 * Opens a backend, runs `work`, and closes it whatever happens; what `work` returned. For where
 * `await using` is not to be had (plain JavaScript on Node 20).
 */
export async function withBackend<R>(
  work: (backend: Backend) => Promise<R>,
  options: OpenBackendOptions & { readonly onReport?: (report: LeakReport) => void } = {},
): Promise<R> {
  const backend = await openBackend(options)
  try {
    return await work(backend)
  } finally {
    await backend.close()
    options.onReport?.(backend.report())
  }
}

const KEYS: readonly (keyof OpenBackendOptions | 'onReport')[] = [
  'backend',
  'options',
  'config',
  'onReport',
]

/** What belongs in the config, and is often written beside it. */
const CONFIG_KEYS: readonly (keyof HmmConfig)[] = ['devices', 'sim', 'kernel', 'backends']

function checkBackend(backend: unknown): void {
  if (backend === undefined || typeof backend === 'string' || typeof backend === 'function') return
  if (typeof (backend as Partial<RawBackend> | null)?.createAddressSpace === 'function') return
  throw new TypeError(
    `openBackend: backend is a name, a createBackend, or what that made, not ${shown(backend)}`,
  )
}

function checkKeys(options: OpenBackendOptions): void {
  for (const key of CONFIG_KEYS) {
    if (typeof options === 'object' && options !== null && key in options) {
      throw new TypeError(
        `openBackend: '${key}' is a part of the config: openBackend({ config: { ${key}: ... } })`,
      )
    }
  }
  checkOptions('openBackend', options, KEYS, [])
  checkBackend(options.backend)
  if (options.options !== undefined && typeof options.backend !== 'function') {
    throw new TypeError(
      `openBackend: 'options' goes with a createBackend; by name, a backend gets them from the config`,
    )
  }
}

async function loader(): Promise<unknown> {
  try {
    return await import(/* @vite-ignore */ LOADER)
  } catch (cause) {
    throw new HmmError('EOPNOTSUPP', {
      op: 'openBackend',
      message: 'choosing a backend by name or config file needs Node',
      hint: "Pass the backend itself: openBackend({ backend: createBackend }) from '@hmm-sdk/backend-sim'.",
      cause,
    })
  }
}
