import { checkKeys, checkNumber } from '../sim/options.js'
import type { SimPciOptions } from './peer-route.js'
import { DMA_SHAPES, translates, type DmaShape } from './dma-shape.js'

/** The DMA of a simulated device (`devices.NAME.sim.dma` in the config). */
export interface SimDmaOptions {
  /** Default `'iommu'`. */
  readonly shape?: DmaShape
  /**
   * Whether device and CPU see each other without sync. Default true; if not, a missing sync shows
   * as stale data, and mirrored ranges are refused.
   */
  readonly coherent?: boolean
  /**
   * When the IOMMU forgets what was unmapped: at once (`strict`, the default), or when 256 unmaps
   * wait or 10 ms have passed (`lazy`), until when the device really reaches what it has used.
   * Windows and mirrors are strict in both.
   */
  readonly flush?: 'strict' | 'lazy'
  /**
   * When addresses are used again after unmap: `late` (the default), so that a use after unmap
   * faults, or `at-once` as the kernel's caches do. Always at once, after the flush, when lazy.
   */
  readonly addressReuse?: 'late' | 'at-once'
  /** With shape `swiotlb`: what is bounced, everything (default) or what the mask does not reach. */
  readonly bounce?: 'always' | 'beyond-mask'
  /** Low address bits that a bounce buffer must have in common with the memory. Default 0. */
  readonly minAlignMask?: number
  /** Pages of memory in BAR 2 that peers may reach. Default 16 with shape `peer`, 0 otherwise. */
  readonly peerPages?: number
  /** Where the device sits; decides how it reaches peers and they reach it. */
  readonly pci?: SimPciOptions
}

/** The options with every default filled in. */
export interface DmaOptions {
  readonly shape: DmaShape
  readonly coherent: boolean
  readonly lazy: boolean
  readonly reuseAtOnce: boolean
  readonly bounceAlways: boolean
  readonly minAlignMask: number
  readonly peerPages: number
  readonly pci: Required<SimPciOptions>
}

/** Throws TypeError for an unknown key or a value that an option cannot have. */
export function checkDmaOptions(what: string, given: unknown): DmaOptions {
  const keys = [
    'shape',
    'coherent',
    'flush',
    'addressReuse',
    'bounce',
    'minAlignMask',
    'peerPages',
    'pci',
  ]
  const options = checkKeys(what, given, keys) as SimDmaOptions
  const shape = oneOf(`${what}: shape`, options.shape ?? 'iommu', DMA_SHAPES)
  const flush = oneOf(`${what}: flush`, options.flush ?? 'strict', ['strict', 'lazy'])
  const reuse = oneOf(`${what}: addressReuse`, options.addressReuse ?? 'late', ['late', 'at-once'])
  const bounce = oneOf(`${what}: bounce`, options.bounce ?? 'always', ['always', 'beyond-mask'])
  const { coherent = true, minAlignMask = 0 } = options
  if (typeof coherent !== 'boolean') throw new TypeError(`${what}: coherent is true or false`)
  if (flush === 'lazy' && (!translates(shape) || shape === 'unaligned')) {
    throw new TypeError(`${what}: shape '${shape}' has nothing to flush lazily`)
  }
  checkNumber(`${what}: minAlignMask`, minAlignMask, 0, 65535)
  if (((minAlignMask + 1) & minAlignMask) !== 0) {
    throw new TypeError(`${what}: minAlignMask ${minAlignMask} is not one less than a power of two`)
  }
  const peerPages = shape === 'peer' ? 16 : 0
  const lazy = flush === 'lazy'
  return {
    shape,
    coherent,
    lazy,
    reuseAtOnce: lazy || reuse === 'at-once',
    bounceAlways: shape === 'swiotlb' && bounce === 'always',
    minAlignMask,
    peerPages: checkNumber(`${what}: peerPages`, options.peerPages ?? peerPages, 0, 2 ** 16),
    pci: checkPci(`${what}: pci`, options.pci),
  }
}

function checkPci(what: string, given: unknown): Required<SimPciOptions> {
  const defaults = {
    hostBridge: 'bridge0',
    switch: 'switch0',
    acsRedirect: false,
    bridgeAllowed: true,
  }
  const options = checkKeys(what, given, Object.keys(defaults))
  for (const [name, value] of Object.entries(options)) {
    if (name === 'bridgeAllowed' && value === 'same-bridge') continue
    const type = typeof defaults[name as keyof typeof defaults]
    if (typeof value !== type) throw new TypeError(`${what}: ${name} is a ${type}`)
  }
  return { ...defaults, ...options }
}

function oneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T
  throw new TypeError(`${what} '${String(value)}' is unknown; use ${known.join(', ')}`)
}
