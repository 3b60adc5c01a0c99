// The conformance suite on the kernel backend, with `demo` being any of its devices.
import { mkdirSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'
import { slowness } from './slowness.mjs'

/**
 * Runs the cases at the addresses `only` (all, if it is empty). What came out goes to NAME.json in the folder
 * of results, if the harness asked for results.
 */
export async function runSuite(name, { devices = {}, only = [] } = {}) {
  const open = () => openBackend({ backend: 'kernel', config: { devices } })
  const report = await runConformance({
    open,
    isolation: 'space',
    limitMs: 30_000 * slowness,
    print: (line) => console.log(line),
    ...(only.length > 0 ? { only } : {}),
  })
  saveResult(name, {
    kernel: release(),
    passed: report.passed,
    failed: report.failed,
    skipped: report.skipped,
    capabilities: await capabilities(open),
  })
  process.exitCode = report.ok ? 0 : 1
}

/** Keeps what `npm run kernels` makes the support matrix of. */
export function saveResult(name, result) {
  const folder = process.env.HMM_SDK_RESULTS
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

/** Each capability as its owner answers: the process, the backend where the device says nothing, the device. */
async function capabilities(open) {
  const backend = await open()
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const owners = { space: space.capabilities.toJSON(), device: device.capabilities.toJSON() }
  await device.close()
  await space.close()
  await backend.close()
  return Object.fromEntries(
    Object.keys(owners.device).map((name) => {
      const capability = owners[name.startsWith('space.') ? 'space' : 'device'][name]
      const { supported, limits, reason } = capability
      return [name, supported ? { supported, limits } : { supported, reason }]
    }),
  )
}
