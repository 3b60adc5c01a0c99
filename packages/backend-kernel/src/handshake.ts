import { closeSync, constants, openSync } from 'node:fs'
import { callError } from './call-error.js'
import { Descriptor } from './descriptor.js'
import { abiError, notTheModule, openError } from './module-error.js'
import type { Native } from './native.js'
import { ABI_VERSION, Info, IOC_GET_INFO } from './uapi.js'

const ENOTTY = 25
const EINVAL = 22
const EPROTO = 71

/** What the module says about itself; its limits, by the names of `struct hmm_sdk_info`. */
export interface ModuleInfo {
  readonly abi: number
  readonly capabilities: number
  readonly version: string
  readonly release: string
  readonly pageShift: number
  readonly maxMirrorPages: number
  readonly maxFaultPages: number
  readonly maxMapPages: number
  readonly maxExclusivePages: number
  readonly maxMigratePages: number
  readonly maxEngineBytes: number
  readonly maxBufferBytes: number
  readonly maxWindowPages: number
  readonly maxMemoryPages: number
  readonly maxEvents: number
}

/** Opens the module's node: a descriptor, or the HmmError that says what to do. */
export function openNode(node: string): number {
  try {
    return openSync(node, constants.O_RDWR)
  } catch (error) {
    throw openError(node, error as NodeJS.ErrnoException)
  }
}

/** Opens the module's node and checks the version of the binary interface, before anything else. */
export function shakeHands(
  native: Native,
  node: string,
): { context: Descriptor; info: ModuleInfo } {
  const fd = openNode(node)
  try {
    const context = new Descriptor(native, fd)
    return { context, info: getInfo(context, node) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function getInfo(context: Descriptor, node: string): ModuleInfo {
  return context.once(IOC_GET_INFO, Info, { abi: ABI_VERSION }, (result, call) => {
    if (result === -ENOTTY || result === -EINVAL) throw notTheModule(node)
    if (result < 0 && result !== -EPROTO) throw callError(result)
    const abi = call.get('abi')
    if (abi !== ABI_VERSION) throw abiError(abi, call.text('version'))
    return {
      abi,
      capabilities: call.get('capabilities'),
      version: call.text('version'),
      release: call.text('release'),
      pageShift: call.get('pageShift'),
      maxMirrorPages: call.get('maxMirrorPages'),
      maxFaultPages: call.get('maxFaultPages'),
      maxMapPages: call.get('maxMapPages'),
      maxExclusivePages: call.get('maxExclusivePages'),
      maxMigratePages: call.get('maxMigratePages'),
      maxEngineBytes: call.get('maxEngineBytes'),
      maxBufferBytes: call.get('maxBufferBytes'),
      maxWindowPages: call.get('maxWindowPages'),
      maxMemoryPages: call.get('maxMemoryPages'),
      maxEvents: call.get('maxEvents'),
    }
  })
}
