/**
 * What the types of the high-level API refuse: evidence `type:NAME` of the catalogue. Each function
 * holds the line that a faulty driver would have; the compiler must refuse it.
 */
import type { Device, AddressSpace, Mirror, VirtualRange } from '@hmm-sdk/hmm-api'

/** No lock can be waited for while pages are valid. */
export async function commitIsSynchronous(mirror: Mirror, lock: { lock(): Promise<void> }) {
  // @ts-expect-error a commit that returns a promise
  await mirror.map(mirror.range, { access: 'read' }, async () => lock.lock())
}

/** There is no array of requests that could hold old ones. */
export async function mapTakesOneAccess(mirror: Mirror, requests: Map<number, 'write'>) {
  // @ts-expect-error requests per page
  await mirror.map(mirror.range, { access: 'read', perPage: requests }, () => undefined)
}

/** The place of a mirror in the process does not change. */
export function rangeIsReadonly(mirror: Mirror, to: VirtualRange) {
  // @ts-expect-error read-only
  mirror.range = to
}

/** What is not there yet cannot be closed. */
export async function mirrorMayBeMissing(object: { mirror: Mirror | undefined }) {
  // @ts-expect-error possibly undefined
  await object.mirror.close()
}

/** A mirror is only had when it is inserted. */
export async function mirrorIsInserted(
  device: Device,
  space: AddressSpace,
  range: VirtualRange,
): Promise<Mirror> {
  return device.mirror(space, range, { invalidate: () => undefined })
}

/** What is told of an invalidation cannot wait for anything. */
export async function callbackIsSynchronous(
  device: Device,
  space: AddressSpace,
  range: VirtualRange,
  mm: { put(): Promise<void> },
) {
  // @ts-expect-error a callback that returns a promise
  await device.mirror(space, range, { invalidate: async () => mm.put() })
}
