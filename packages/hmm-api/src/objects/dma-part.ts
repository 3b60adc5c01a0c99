import { HmmError } from '../error/hmm-error.js'
import type { PeerRoute, RawListPart } from '../raw/raw-dma.js'
import { checkBytes, checkInteger } from './check.js'
import type { Device } from './device.js'
import { CoherentBuffer, HostBuffer } from './host-buffer.js'
import { PeerMemory } from './peer-memory.js'
import { RAW } from './raw-of.js'

/** One part of a list: a whole buffer, the whole memory of a peer, or bytes of one. */
export type DmaPart =
  | HostBuffer
  | PeerMemory
  | {
      readonly source: HostBuffer | PeerMemory
      /** First byte, 0 if left out. */
      readonly offset?: number
      /** Number of bytes, to the end if left out. */
      readonly bytes?: number
    }

/** @internal A part with checked bounds. TypeError, RangeError, EBADF; EREMOTEIO without a route. */
export function checkPart(
  device: Device,
  part: DmaPart,
  op: string,
  route: (peer: PeerMemory) => PeerRoute,
): RawListPart {
  const given = part instanceof HostBuffer || part instanceof PeerMemory ? { source: part } : part
  const source = given?.source
  if (source instanceof PeerMemory) {
    checkRoute(source, route(source))
    const [offset, bytes] = bounds(given, source.raw.bytes)
    source.checkInside(offset, bytes)
    return { source: { peer: source.device[RAW].dma, bar: source.bar }, offset, bytes }
  }
  if (!(source instanceof HostBuffer)) {
    throw new TypeError('a part of a list is a buffer, peer memory, or { source, offset, bytes }')
  }
  checkBuffer(device, source, op)
  const [offset, bytes] = bounds(given, source.bytes)
  source.checkInside(offset, bytes)
  return { source: source[RAW], offset, bytes }
}

/** @internal Throws for a buffer that this device cannot map. TypeError, EBADF. */
export function checkBuffer(device: Device, buffer: HostBuffer, op: string): void {
  buffer.checkOpen(op)
  if (buffer.device !== device || buffer instanceof CoherentBuffer) throw notToMap(device, buffer)
}

function notToMap(device: Device, { device: other, name }: HostBuffer): TypeError {
  return new TypeError(
    other === device
      ? `coherent buffer '${name}' is mapped as long as it lives`
      : `buffer '${name}' belongs to another device: allocate one of this`,
  )
}

/** @internal Throws EREMOTEIO if there is no route. */
export function checkRoute(peer: PeerMemory, route: PeerRoute): void {
  if (route.kind !== 'unsupported') return
  throw new HmmError('EREMOTEIO', {
    message: `${peer.name} cannot be reached: ${route.reason}`,
    hint: 'Ask dma.peerRoute first, and go through memory of the host where there is none.',
  })
}

function bounds(
  given: { readonly offset?: number; readonly bytes?: number },
  size: number,
): [offset: number, bytes: number] {
  const offset = checkInteger('offset', given.offset ?? 0, 0)
  return [offset, checkBytes('bytes', given.bytes ?? size - offset)]
}
