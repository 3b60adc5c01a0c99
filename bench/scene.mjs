// What the rows of the simulation share: a driver's view of one, made of the public, checked API.
import { createSimulation } from '@hmm-sdk/backend-sim'
import { openBackend } from '@hmm-sdk/hmm-api'

/** Pages of the rows that work on many. */
export const PAGES = 262_144

/** A simulation with one device and one process, and what its `options` say. */
export async function scene(options = {}) {
  const backend = await openBackend({ backend: createSimulation(options), config: false })
  const device = await backend.openDevice('demo')
  const space = await backend.createAddressSpace()
  return { backend, device, space }
}

/** The same with a mapping of `pages` pages that a notifier of the device watches. */
export async function watched(pages, options) {
  const made = await scene(options)
  const range = await made.space.mmap({ pages })
  const notifier = await made.device.notifier(made.space, range, { invalidate() {} })
  return { ...made, range, notifier }
}

/** A row whose result and reference are times of all `pages` pages. */
export function perPage(name, value, reference, pages, bar) {
  return { name, value: value / pages, reference: reference / pages, unit: 'ns/page', bar }
}
