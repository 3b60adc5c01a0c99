import { shown } from '../error/shown.js'
import { DMA_ATTRIBUTES, type DmaAttribute } from '../raw/raw-dma.js'

/** Attributes that a mapping may have. */
export type MapAttribute = Exclude<DmaAttribute, 'write-combine' | 'force-contiguous'>
/** Attributes that a coherent buffer may have. */
export type AllocAttribute = 'weak-ordering' | 'write-combine' | 'force-contiguous'

const OF_MAPPINGS: readonly MapAttribute[] = [
  'skip-cpu-sync',
  'require-coherent',
  'weak-ordering',
  'ignore-cachelines',
]
const OF_BUFFERS: readonly AllocAttribute[] = ['weak-ordering', 'write-combine', 'force-contiguous']

/** The bits of a mapping's attributes; TypeError for one that mappings do not have. */
export function mapAttributes(given: readonly MapAttribute[] | undefined): number {
  return given === undefined ? 0 : bitsOf(given, OF_MAPPINGS, 'a mapping')
}

/** The bits of a coherent buffer's attributes; TypeError for one that buffers do not have. */
export function allocAttributes(given: readonly AllocAttribute[] | undefined): number {
  return given === undefined ? 0 : bitsOf(given, OF_BUFFERS, 'a coherent buffer')
}

function bitsOf(
  given: readonly DmaAttribute[],
  known: readonly DmaAttribute[],
  of: string,
): number {
  let bits = 0
  for (const each of given) {
    if (!known.includes(each)) {
      throw new TypeError(`attribute ${shown(each)} of ${of} is not one of ${known.join(', ')}`)
    }
    bits |= DMA_ATTRIBUTES[each]
  }
  return bits
}
