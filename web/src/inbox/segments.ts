// How many parts a text message takes: 160 characters of the old alphabet, 70 of any other, fewer when it is split.

const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
)
/** These exist in the old alphabet, at the price of two. */
const EXTENDED = new Set('\f^{}\\[~]|€')

export interface Segments {
  encoding: 'gsm' | 'unicode'
  count: number
  /** Characters that still fit in the last segment. */
  left: number
  /** The first character that made the message expensive, if one did. */
  because: string | null
}

export function segments(text: string): Segments {
  const because = [...text].find((character) => !BASIC.has(character) && !EXTENDED.has(character)) ?? null
  return because === null ? gsm(text) : unicode(text, because)
}

function gsm(text: string): Segments {
  const sizes = [...text].map((character) => (EXTENDED.has(character) ? 2 : 1))
  return { encoding: 'gsm', because: null, ...pack(sizes, 160, 153) }
}

function unicode(text: string, because: string): Segments {
  // Counted in UTF-16 units; one character is never split over two segments.
  const sizes = [...text].map((character) => character.length)
  return { encoding: 'unicode', because, ...pack(sizes, 70, 67) }
}

function pack(sizes: number[], single: number, part: number): { count: number; left: number } {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total <= single) return { count: total === 0 ? 0 : 1, left: single - total }
  let count = 1
  let used = 0
  for (const size of sizes) {
    if (used + size > part) {
      count += 1
      used = 0
    }
    used += size
  }
  return { count, left: part - used }
}
