import { DMA_ATTRIBUTES } from '@hmm-sdk/hmm-api/raw'

export const ATTR_SKIP_CPU_SYNC = DMA_ATTRIBUTES['skip-cpu-sync']
export const ATTR_REQUIRE_COHERENT = DMA_ATTRIBUTES['require-coherent']
/** Mappings that may share cache lines: the driver has said so, or nothing is cached. */
export const ATTRS_SHARING = DMA_ATTRIBUTES['ignore-cachelines'] | ATTR_REQUIRE_COHERENT
