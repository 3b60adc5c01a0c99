// The backends of a lockstep run, with the same devices on each.
import { openBackend } from '@hmm-sdk/hmm-api'
import { createBackend } from '@hmm-sdk/backend-sim'
import { DEVICES, DEVICE_PAGES } from './program.mjs'

/** `memory`: whether the devices have memory of their own; `unit`: see program.mjs. */
function config({ memory = true, unit = 1 } = {}) {
  const memoryPages = memory ? DEVICE_PAGES * unit : 0
  const devices = Object.fromEntries(
    Array.from({ length: DEVICES }, (_, index) => [
      `device${index}`,
      { sim: { memoryPages }, kernel: { soft: true, memoryPages } },
    ]),
  )
  return { devices }
}

/** A simulation; `wrap` may change it (or break it). */
export async function openSimulation(profile = {}, wrap = (raw) => raw) {
  const thp = thpOf(profile)
  const raw = wrap(createBackend({ kernel: profile.kernel ?? '7.3', thp }))
  return openBackend({ backend: raw, config: config(profile) })
}

/** Huge pages wherever they fit, if a program is large enough for them. */
export function thpOf({ unit = 1 }) {
  return unit > 1 ? 'always' : 'never'
}

export function openKernel(profile = {}) {
  return openBackend({ backend: 'kernel', config: config(profile) })
}
