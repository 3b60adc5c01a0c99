import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { HmmError } from '@hmm-sdk/hmm-api'
import { findAgent } from './agent-binary.js'
import { checkOptions } from './backend-options.js'
import { openNode, shakeHands } from './handshake.js'
import { BUILD_MODULE, isSupportedKernel } from './module-error.js'
import { Native } from './native.js'

/** One thing that the kernel backend needs. */
export interface DoctorStep {
  readonly name: 'linux' | 'kernel' | 'addon' | 'module' | 'node' | 'abi' | 'agent' | 'iommu'
  /** `'skipped'`: an earlier step must succeed first. */
  readonly status: 'ok' | 'failed' | 'warning' | 'skipped'
  readonly detail: string
  /** What to do about it. */
  readonly hint?: string
}

/** What {@link doctor} found, in the order in which things are needed. Plain JSON. */
export interface DoctorReport {
  /** Whether the kernel backend opens. Warnings concern PCI devices only. */
  readonly ok: boolean
  readonly steps: readonly DoctorStep[]
}

/**
 * Looks at everything that the kernel backend needs, step by step, and says what to do about the
 * first that fails. Never throws; changes nothing.
 */
export function doctor(options: unknown = {}): DoctorReport {
  const { node, agent } = checkOptions(options)
  const steps: DoctorStep[] = []
  steps.push(checkLinux(), checkKernel())
  const native = attempt(steps, 'addon', true, () => [Native.load(), 'loaded'])
  steps.push(checkModule(node))
  attempt(steps, 'node', true, () => {
    closeSync(openNode(node))
    return [node, `${node} opens`]
  })
  const before = steps.every(({ status }) => status === 'ok')
  attempt(steps, 'abi', before, () => {
    const { context, info } = shakeHands(native as Native, node)
    closeSync(context.fd)
    return [info, `module ${info.version} for Linux ${info.release}, ABI ${info.abi}`]
  })
  attempt(steps, 'agent', true, () => {
    const path = findAgent(agent)
    return [path, path]
  })
  steps.push(checkIommu())
  return { ok: steps.every(({ status }) => status === 'ok' || status === 'warning'), steps }
}

/** Runs a step, if what it needs is there. */
function attempt<T>(
  steps: DoctorStep[],
  name: DoctorStep['name'],
  possible: boolean,
  run: () => [value: T, detail: string],
): T | undefined {
  if (!possible) {
    steps.push({ name, status: 'skipped', detail: 'an earlier step failed' })
    return undefined
  }
  try {
    const [value, detail] = run()
    steps.push({ name, status: 'ok', detail })
    return value
  } catch (error) {
    steps.push(failure(name, error))
    return undefined
  }
}

function failure(name: DoctorStep['name'], error: unknown): DoctorStep {
  if (!HmmError.is(error)) return { name, status: 'failed', detail: String(error) }
  const detail = error.details.message ?? error.message
  return {
    name,
    status: 'failed',
    detail,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  }
}

function checkLinux(): DoctorStep {
  const ok = process.platform === 'linux'
  return {
    name: 'linux',
    status: ok ? 'ok' : 'failed',
    detail: process.platform,
    ...(ok ? {} : { hint: "Use the simulation: backend 'sim' runs everywhere." }),
  }
}

function checkKernel(): DoctorStep {
  const ok = isSupportedKernel(release())
  return {
    name: 'kernel',
    status: ok ? 'ok' : 'failed',
    detail: release(),
    ...(ok ? {} : { hint: 'The module supports Linux 6.12, and 7.2 and later.' }),
  }
}

function checkModule(node: string): DoctorStep {
  if (existsSync('/sys/module/hmm_sdk')) {
    const version = readText('/sys/module/hmm_sdk/version')
    return { name: 'module', status: 'ok', detail: `loaded${version && `, version ${version}`}` }
  }
  if (existsSync(node)) return { name: 'module', status: 'ok', detail: `${node} is there` }
  return {
    name: 'module',
    status: 'failed',
    detail: 'hmm_sdk is not loaded',
    hint: `sudo modprobe hmm_sdk; if it is not installed, build it: ${BUILD_MODULE}`,
  }
}

/** PCI devices need a translating IOMMU; the software device does not. */
function checkIommu(): DoctorStep {
  const groups = list('/sys/kernel/iommu_groups')
  const types = new Set(groups.map((group) => readText(`/sys/kernel/iommu_groups/${group}/type`)))
  if (groups.length === 0 || [...types].every((type) => !type.startsWith('DMA'))) {
    return {
      name: 'iommu',
      status: 'warning',
      detail:
        groups.length === 0 ? 'no IOMMU groups' : `no translating group (${[...types].join(', ')})`,
      hint:
        'Only PCI devices need it: boot with intel_iommu=on or amd_iommu=on. ' +
        'The software device works without.',
    }
  }
  const detail = `${groups.length} groups, types: ${[...types].join(', ')}`
  return { name: 'iommu', status: 'ok', detail }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
