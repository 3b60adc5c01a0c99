import type { DeviceConfig } from './config-types.js'

const KEYS: readonly string[] = [
  'model',
  'sim',
  'kernel',
  'backends',
] satisfies readonly (keyof DeviceConfig)[]

/**
 * Throws TypeError for devices of a config that nobody would look at: an unknown key, with the form
 * that was probably meant, or what is no object. What a backend makes of its own part it checks
 * itself when the device is opened.
 */
export function checkDeviceConfigs(devices: unknown): void {
  if (devices === undefined) return
  if (!isRecord(devices)) throw new TypeError(`devices: an object by name, not ${text(devices)}`)
  for (const [name, entry] of Object.entries(devices)) checkDeviceConfig(`devices.${name}`, entry)
}

/** What the config says of a device for the backend of that name. */
export function deviceOptions(entry: DeviceConfig | undefined, backend: string): unknown {
  if (backend === 'sim' || backend === 'kernel') return entry?.[backend]
  return entry?.backends?.[backend]
}

function checkDeviceConfig(where: string, entry: unknown): void {
  if (!isRecord(entry)) throw new TypeError(`${where}: ${form('...')}, not ${text(entry)}`)
  for (const key of Object.keys(entry)) {
    if (KEYS.includes(key)) continue
    const known = KEYS.join(', ')
    const hint = `options of a device stand below the name of their backend: ${form(`{ ${key} }`)}`
    throw new TypeError(`${where}: unknown key '${key}' (known: ${known}); ${hint}`)
  }
  const { model, backends } = entry
  if (model !== undefined && typeof (model as { start?: unknown } | null)?.start !== 'function') {
    throw new TypeError(`${where}: model is not a device model: make one with defineDevice`)
  }
  if (backends !== undefined && !isRecord(backends)) {
    throw new TypeError(`${where}: backends is an object by package name, not ${text(backends)}`)
  }
}

function form(options: string): string {
  return `{ sim: ${options} }`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string {
  return typeof value === 'function' ? 'a function' : JSON.stringify(value)
}
