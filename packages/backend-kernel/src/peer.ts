import { HmmError } from '@hmm-sdk/hmm-api'
import type { PeerRoute, RawBuffer, RawSegment } from '@hmm-sdk/hmm-api/raw'
import { KernelBuffer } from './buffer.js'
import { check, EIO, ENODEV, EOPNOTSUPP, EREMOTEIO, reasonText } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

/** Memory of a peer as a buffer of this device, and how the device reaches it. */
export interface OpenPeer {
  readonly buffer: KernelBuffer
  readonly bar: number
  readonly route: 'bus-address' | 'host-bridge'
}

const NO_ROUTE = new Set([-EREMOTEIO, -EIO, -EOPNOTSUPP])

/** The memory of `peer` for the device of `descriptor`; free the buffer when nothing is mapped. */
export function openPeer(descriptor: Descriptor, peer: Descriptor): OpenPeer {
  return opening(descriptor, peer, (result, open, reason) => {
    check(result, { reason })
    return open()
  })
}

/** How `descriptor` would reach the memory of `peer`. */
export function peerRoute(descriptor: Descriptor, peer: Descriptor): PeerRoute {
  return opening(descriptor, peer, (result, open, reason) => {
    if (NO_ROUTE.has(result) && reason !== uapi.REASON_NONE) {
      return { kind: 'unsupported', reason: reasonText(reason).reason }
    }
    check(result, { reason })
    const { route, buffer } = open()
    buffer.free()
    return { kind: route }
  })
}

/** What a device itself offers to peers: its bar and the memory; undefined for none. */
export function ownMemory(
  descriptor: Descriptor,
): { readonly bar: number; readonly buffer: RawBuffer } | undefined {
  return opening(descriptor, descriptor, (result, open, reason) => {
    if (result === -ENODEV || result === -EOPNOTSUPP) return undefined
    check(result, { reason })
    return open()
  })
}

/** A mapping is one run of addresses. EIO if the kernel has made several. */
export function oneRun(
  segments: readonly RawSegment[],
  pageShift: number,
): Pick<RawSegment, 'dmaPage' | 'offset'> {
  const start = ({ dmaPage, offset }: RawSegment): number => dmaPage * 2 ** pageShift + offset
  const [first, ...rest] = segments as [RawSegment, ...RawSegment[]]
  let end = start(first) + first.bytes
  for (const segment of rest) {
    if (start(segment) !== end) {
      throw new HmmError('EIO', {
        message: 'the memory of the peer was not mapped in one run of addresses',
        hint: 'Map it as a list: dma.map([peer], ...).',
      })
    }
    end += segment.bytes
  }
  return { dmaPage: first.dmaPage, offset: first.offset }
}

function opening<T>(
  descriptor: Descriptor,
  peer: Descriptor,
  then: (result: number, open: () => OpenPeer, reason: number) => T,
): T {
  const values = { fd: peer.fd }
  return descriptor.once(uapi.IOC_PEER_OPEN, uapi.PeerOpen, values, (result, call) => {
    const open = (): OpenPeer => ({
      buffer: new KernelBuffer(descriptor, call.get('buffer'), call.get('bytes'), () => undefined),
      bar: call.get('bar'),
      route: call.get('route') === uapi.ROUTE_BUS ? 'bus-address' : 'host-bridge',
    })
    return then(result, open, call.get('reason'))
  })
}
