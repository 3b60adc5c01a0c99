import type { HugePageSize } from '@hmm-sdk/hmm-api'
import { DEFAULT_COSTS, type CostModel } from './cost-model.js'
import { KERNEL_PROFILES, type KernelName, type KernelProfile } from './kernel-profile.js'

/** Options of a simulation (`sim` in the config). */
export interface SimulationOptions {
  /** Seed of everything that is chosen. Default 1. */
  readonly seed?: number
  /**
   * Which Linux to behave as, where the supported ones differ: '7.3' (default), '7.2', or '6.12',
   * which has no device memory and no exclusive access for drivers.
   */
  readonly kernel?: KernelName
  /** Bytes of a page: 4096 (default), 16384 or 65536. */
  readonly pageSize?: 4096 | 16384 | 65536
  /** Pages of system memory. Default 4,194,304. */
  readonly memoryPages?: number
  /**
   * Physical address of the memory's start, in pages: what devices without an IOMMU use, so that
   * memory beyond their mask can be had. Default 0.
   */
  readonly physicalBasePage?: number
  /** Bytes of the bounce buffers that all devices share (SWIOTLB). Default 64 MiB. */
  readonly swiotlbBytes?: number
  /**
   * Whether mirrors hear of an invalidation inside the CPU operation, as in the kernel (default),
   * or shortly after, as over ioctl; their DMA mappings are revoked inside in both.
   */
  readonly invalidate?: 'inside' | 'deferred'
  /**
   * Which anonymous memory gets huge pages when it is touched: all, what `madvise('hugepage')` was
   * called for (default), or none but by `madvise('collapse')`.
   */
  readonly thp?: 'always' | 'madvise' | 'never'
  /**
   * Huge pages that are reserved for `mmap({ hugetlb })` (`/proc/sys/vm/nr_hugepages`), on top of
   * `memoryPages`. Default 64 of 2 MiB and 2 of 1 GiB; they take no memory until they are touched.
   */
  readonly hugePages?: Partial<Readonly<Record<HugePageSize, number>>>
  /**
   * Whether reports of mistakes name the calls that led to them: where it was mapped, and where that
   * was misused. Slow, so off by default; always on while the backend is traced.
   */
  readonly recordCallSites?: boolean
  /** Virtual nanoseconds that things take; what is left out keeps its default. */
  readonly costs?: Partial<CostModel>
}

/** The options with every default filled in. */
export interface CheckedOptions {
  readonly seed: number
  readonly kernel: KernelProfile
  readonly pageShift: number
  readonly memoryPages: number
  readonly physicalBasePage: number
  readonly swiotlbBytes: number
  readonly deferred: boolean
  readonly thp: 'always' | 'madvise' | 'never'
  readonly recordCallSites: boolean
  readonly hugePages: Readonly<Record<HugePageSize, number>>
  readonly costs: CostModel
}

let defaults: CheckedOptions | undefined

/** Throws TypeError for an unknown key or a value that an option cannot have. */
export function checkOptions(given: unknown): CheckedOptions {
  // Nearly always: then all simulations share one object, by which others know that they are alike.
  if (isEmpty(given)) return (defaults ??= Object.freeze(checkGiven(undefined)))
  return checkGiven(given)
}

/** Whether nothing is asked for. */
export function isEmpty(options: unknown): boolean {
  if (options === undefined) return true
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return false
  for (const _ in options) return false
  return true
}

function checkGiven(given: unknown): CheckedOptions {
  const options = checkKeys('the simulation', given, [
    'seed',
    'kernel',
    'pageSize',
    'memoryPages',
    'physicalBasePage',
    'swiotlbBytes',
    'invalidate',
    'thp',
    'recordCallSites',
    'hugePages',
    'costs',
  ]) as SimulationOptions
  const { kernel = '7.3', pageSize = 4096, invalidate = 'inside', thp = 'madvise' } = options
  if (pageSize !== 4096 && pageSize !== 16384 && pageSize !== 65536) {
    throw new TypeError(`pageSize ${String(pageSize)} is not one of 4096, 16384, 65536`)
  }
  if (!Object.hasOwn(KERNEL_PROFILES, kernel)) {
    const names = Object.keys(KERNEL_PROFILES).join(', ')
    throw new TypeError(`kernel '${String(kernel)}' is not one of ${names}`)
  }
  if (invalidate !== 'inside' && invalidate !== 'deferred') {
    throw new TypeError(`invalidate '${String(invalidate)}' is not 'inside' or 'deferred'`)
  }
  const { recordCallSites = false } = options
  if (typeof recordCallSites !== 'boolean') {
    throw new TypeError('recordCallSites is true or false')
  }
  if (thp !== 'always' && thp !== 'madvise' && thp !== 'never') {
    throw new TypeError(`thp '${String(thp)}' is not 'always', 'madvise' or 'never'`)
  }
  const hugePages = {
    '2M': 64,
    '1G': 2,
    ...checkKeys('hugePages', options.hugePages, ['2M', '1G']),
  }
  for (const [size, count] of Object.entries(hugePages)) {
    checkNumber(`hugePages['${size}']`, count, 0, size === '1G' ? 16 : 2 ** 12)
  }
  const costs = checkKeys('costs', options.costs, Object.keys(DEFAULT_COSTS))
  for (const [name, value] of Object.entries(costs)) checkNumber(`costs.${name}`, value, 0, 1e12)
  return {
    seed: checkNumber('seed', options.seed ?? 1, 0, 2 ** 32 - 1),
    kernel: KERNEL_PROFILES[kernel],
    pageShift: Math.log2(pageSize),
    memoryPages: checkNumber('memoryPages', options.memoryPages ?? 2 ** 22, 1, 2 ** 23),
    physicalBasePage: checkNumber('physicalBasePage', options.physicalBasePage ?? 0, 0, 2 ** 40),
    swiotlbBytes: checkNumber('swiotlbBytes', options.swiotlbBytes ?? 2 ** 26, 2 ** 16, 2 ** 30),
    thp,
    recordCallSites,
    hugePages,
    deferred: invalidate === 'deferred',
    costs: { ...DEFAULT_COSTS, ...costs },
  }
}

/** `given` as an object that has only those keys; `{}` for undefined. */
export function checkKeys(
  what: string,
  given: unknown,
  known: readonly string[],
): Record<string, unknown> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`${what}: the options are an object, not ${JSON.stringify(given)}`)
  }
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    throw new TypeError(`${what}: unknown option '${key}'; known are ${known.join(', ')}`)
  }
  return given as Record<string, unknown>
}

/** `value` as a whole number in the limits. */
export function checkNumber(what: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) {
    return value
  }
  throw new TypeError(`${what}: ${JSON.stringify(value)} is not a whole number ${least}..${most}`)
}
