/** Virtual nanoseconds that things take; by them the virtual clock moves. */
export interface CostModel {
  /** A system call, before it does anything. */
  readonly call: number
  /** One page faulted in. */
  readonly fault: number
  /** One page linked for DMA. */
  readonly link: number
  /** One page unlinked, with its share of the IOTLB flush. */
  readonly unlink: number
  /** One page copied. */
  readonly copy: number
  /** One delivery of an invalidation to one mirror. */
  readonly invalidate: number
  /** One transfer of a device, whatever its length. */
  readonly transfer: number
}

/** Round numbers in the order of magnitude of a current server. */
export const DEFAULT_COSTS: CostModel = Object.freeze({
  call: 200,
  fault: 500,
  link: 100,
  unlink: 150,
  copy: 400,
  invalidate: 300,
  transfer: 1000,
})
