import type { Need } from '../../harness/need.js'
import type { VirtualRange } from '../../../address/virtual-range.js'
import type { AddressSpace } from '../../../objects/address-space.js'
import type { Backend } from '../../../objects/backend.js'
import type { Device } from '../../../objects/device.js'
import type { Mirror } from '../../../objects/mirror.js'
import type { Sequence } from '../../../objects/interval-notifier.js'

type Operations<T> = Readonly<Record<string, (object: T, range: VirtualRange) => unknown>>

const BYTE = Uint8Array.of(1)
const ignore = () => undefined

/** Every operation of an object, for the cases that try each in a state where none may work. */
export const SPACE_OPERATIONS: Operations<AddressSpace> = {
  mmap: (space) => space.mmap({ pages: 1 }),
  munmap: (space, range) => space.munmap(range),
  mprotect: (space, range) => space.mprotect(range, 'r'),
  mremap: (space, range) => space.mremap(range, { pages: 2 }),
  madvise: (space, range) => space.madvise(range, 'dontneed'),
  createFile: (space) => space.createFile({ pages: 1 }),
  fork: (space) => space.fork(),
  exec: (space) => space.exec(),
  exit: (space) => space.exit(),
  kill: (space) => space.kill(),
  read: (space, range) => space.read(range.start, 1),
  write: (space, range) => space.write(range.start, BYTE),
  fetchAdd: (space, range) => space.fetchAdd(range.start, 1),
  compareExchange: (space, range) => space.compareExchange(range.start, 0, 1),
}

export const MIRROR_OPERATIONS: Operations<Mirror> = {
  readBegin: (mirror) => mirror.readBegin(),
  readRetry: (mirror) => mirror.readRetry(0 as Sequence),
  fault: (mirror, range) => mirror.fault(range),
  map: (mirror, range) => mirror.map<void>(range, { access: 'read' }, ignore),
  exclusive: (mirror, range) => mirror.exclusive<void>(range, {}, ignore),
  unmap: (mirror, range) => mirror.unmap(range),
  migrate: (mirror, range) => mirror.device.memory.migrate(mirror, range, { to: 'device' }),
}

/** Operations whose object is looked at only where the capability is there. */
export const OPERATION_NEEDS: Readonly<Record<string, readonly Need[]>> = { migrate: ['memory'] }

export const DEVICE_OPERATIONS: Operations<Device> = {
  setMask: (device) => device.dma.setMask(64),
  allocBuffer: (device) => device.dma.allocBuffer({ bytes: 64 }),
  allocCoherent: (device) => device.dma.allocCoherent({ bytes: 64 }),
  openWindow: (device) => device.dma.openWindow({ pages: 1 }),
  'engine.read': (device) => device.engine.read(0n as never, 1),
  'engine.write': (device) => device.engine.write(0n as never, BYTE),
  'memory.evict': (device) => device.memory.evict(),
  'registers.read32': (device) => device.registers.read32(0),
  'interrupts.listen': (device) => device.interrupts.listen(ignore),
  faults: (device) => device.faults()[Symbol.asyncIterator]().next(),
}

export const BACKEND_OPERATIONS: Operations<Backend> = {
  createAddressSpace: (backend) => backend.createAddressSpace(),
  openDevice: (backend) => backend.openDevice('demo'),
  trace: (backend) => backend.trace(ignore),
}
