import type { RawAddressSpace } from '../../raw/raw-address-space.js'
import type { RawBackend } from '../../raw/raw-backend.js'
import type { RawDevice } from '../../raw/raw-device.js'
import type { RawMirror, RawMirrorCallbacks } from '../../raw/raw-mirror.js'

/** What is replaced where; each function is given the original object. */
export interface Decorations {
  readonly backend?: (backend: RawBackend) => Partial<RawBackend>
  readonly space?: (space: RawAddressSpace) => Partial<RawAddressSpace>
  readonly device?: (device: RawDevice) => Partial<RawDevice>
  readonly mirror?: (mirror: RawMirror) => Partial<RawMirror>
  readonly callbacks?: (callbacks: RawMirrorCallbacks, firstPage: number) => RawMirrorCallbacks
}

/** The backend with members of it, its spaces, devices and mirrors replaced. */
export function decorate(raw: RawBackend, decorations: Decorations): RawBackend {
  // Backends get their own objects back, never a decoration that they do not know.
  const originals = new WeakMap<object, object>()
  const original = <T extends object>(object: T): T =>
    (originals.get(object) as T | undefined) ?? object
  const replaced = <T extends object>(object: T, members: Partial<T>): T => {
    const decorated = replace(object, members)
    originals.set(decorated, object)
    return decorated
  }

  const space = (inner: RawAddressSpace): RawAddressSpace =>
    replaced(inner, {
      fork: async (name) => space(await inner.fork(name)),
      ...decorations.space?.(inner),
    })

  const device = (inner: RawDevice): RawDevice =>
    replaced(inner, {
      memory:
        inner.memory &&
        replace(inner.memory, {
          migrate: (mirror, ...rest) => inner.memory!.migrate(original(mirror), ...rest),
        }),
      createMirror: async (of, startPage, pages, callbacks) => {
        const told = decorations.callbacks?.(callbacks, startPage) ?? callbacks
        const mirror = await inner.createMirror(original(of), startPage, pages, told)
        return replaced(mirror, decorations.mirror?.(mirror) ?? {})
      },
      ...decorations.device?.(inner),
    })

  return replace(raw, {
    createAddressSpace: async (options) => space(await raw.createAddressSpace(options)),
    openDevice: async (name, options) => device(await raw.openDevice(name, options)),
    ...decorations.backend?.(raw),
  })
}

/** `object` with some members replaced; the others, methods and state, are those of `object`. */
export function replace<T extends object>(object: T, members: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      if (Object.hasOwn(members, key)) return members[key as keyof T]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
