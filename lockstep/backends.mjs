// The backends of a lockstep run, with the same devices on each.
import { openBackend } from '@hmm-sdk/hmm-api'
import { createBackend } from '@hmm-sdk/backend-sim'
import { DEVICES, DEVICE_PAGES } from './program.mjs'

/** `memory`: whether the devices have memory of their own. */
function config({ memory = true } = {}) {
  const memoryPages = memory ? DEVICE_PAGES : 0
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
  const raw = wrap(createBackend({ kernel: profile.kernel ?? '7.3' }))
  return openBackend({ backend: raw, config: config(profile) })
}

export function openKernel(profile = {}) {
  return openBackend({ backend: 'kernel', config: config(profile) })
}
