// Reads a place from what people paste: coordinates as maps write them, links of map services, geo: addresses.

export interface Place {
  latitude: number
  longitude: number
  name?: string
}

/** `short`: a link that only its service can follow. */
export function readPlace(text: string): Place | 'short' | null {
  const trimmed = text.trim()
  const address = /\b(?:https?:\/\/|geo:)\S+/i.exec(trimmed)?.[0]
  if (/^geo:/i.test(address ?? '')) return fromGeo(address!)
  if (address) return fromLink(address)
  // As it is copied from an address bar that hides the scheme.
  if (/^[\w-]+(\.[\w-]+)+\/\S+$/.test(trimmed)) return fromLink(`https://${trimmed}`)
  return coordinates(trimmed)
}

const NUMBER = String.raw`[-+−]?\d{1,3}(?:\.\d+)?`
const PLAIN = new RegExp(String.raw`^\(?(${NUMBER})\s*°?\s*([NS])?\s*[,;\s]\s*(${NUMBER})\s*°?\s*([EW])?\)?$`, 'i')
const LETTER_FIRST = new RegExp(String.raw`^([NS])\s*(${NUMBER})\s*°?\s*[,;\s]\s*([EW])\s*(${NUMBER})\s*°?$`, 'i')
const DECIMAL_COMMA = /^([-+−]?\d{1,3},\d+)(?:\s*;\s*|,?\s+)([-+−]?\d{1,3},\d+)$/
const ANGLE = String.raw`(\d{1,3})\s*°\s*(?:(\d{1,2}(?:\.\d+)?)\s*['’′]\s*)?(?:(\d{1,2}(?:\.\d+)?)\s*(?:"|”|″|'')\s*)?`
const DEGREES = new RegExp(String.raw`^${ANGLE}([NS])[,;\s]*${ANGLE}([EW])$`, 'i')

/** Coordinates alone: `52.5163, 13.3777`, `52.5163° N 13.3777° E`, `52°30'58.7"N 13°22'39.7"E`, `52,5163; 13,3777`. */
function coordinates(text: string): Place | null {
  const plain = PLAIN.exec(text)
  if (plain) return at(side(plain[1]!, plain[2]), side(plain[3]!, plain[4]))
  const lettered = LETTER_FIRST.exec(text)
  if (lettered) return at(side(lettered[2]!, lettered[1]), side(lettered[4]!, lettered[3]))
  const commas = DECIMAL_COMMA.exec(text)
  if (commas) return at(side(commas[1]!.replace(',', '.')), side(commas[2]!.replace(',', '.')))
  const degrees = DEGREES.exec(text)
  if (!degrees) return null
  const angle = (from: number) => Number(degrees[from]) + Number(degrees[from + 1] ?? 0) / 60 + Number(degrees[from + 2] ?? 0) / 3600
  return at(side(String(angle(1)), degrees[4]), side(String(angle(5)), degrees[8]))
}

/** A number with its side of the world: south and west are below zero. */
function side(digits: string, letter?: string): number {
  const value = Number(digits.replace('−', '-'))
  return /[SW]/i.test(letter ?? '') ? -value : value
}

function at(latitude: number, longitude: number, name?: string | null): Place | null {
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return null
  // Six digits are a hand's breadth.
  const round = (value: number) => Number(value.toFixed(6))
  const place: Place = { latitude: round(latitude), longitude: round(longitude) }
  return name ? { ...place, name } : place
}

/** RFC 5870, and what Android makes of it: `geo:0,0?q=52.5,13.4(The gate)`. */
function fromGeo(address: string): Place | null {
  const [path = '', query = ''] = address.slice('geo:'.length).split('?')
  const wanted = new URLSearchParams(query).get('q') ?? ''
  const labelled = /^([^(]*)\((.*)\)$/.exec(wanted)
  const marked = coordinates((labelled?.[1] ?? wanted).trim())
  const name = labelled?.[2]?.trim()
  if (marked) return name ? { ...marked, name } : marked
  const own = coordinates(path.split(';')[0]!.split(',').slice(0, 2).join(','))
  // Zero, zero with a question beside it is Android's "nowhere, search for it".
  if (!own || (wanted && own.latitude === 0 && own.longitude === 0)) return null
  return own
}

const SHORT = /^(?:(?:maps\.)?(?:app\.)?goo\.gl|g\.co|maps\.apple|osm\.org\/go|(?:www\.)?openstreetmap\.org\/go|(?:www\.)?waze\.com\/ul\/h)(?:\/|\w|$)/i
/** Where services write coordinates, what names the place before where the map was looked at. */
const ASKED = ['query', 'q', 'coordinate', 'll', 'destination', 'daddr', 'to', 'sll', 'center']

function fromLink(link: string): Place | 'short' | null {
  let url: URL
  try {
    url = new URL(link)
  } catch {
    return null
  }
  const asked = url.searchParams
  const segments = url.pathname.split('/').map(decoded)
  const name = asked.get('name') ?? words(asked.get('q')) ?? words(asked.get('query')) ?? (segments.includes('place') ? words(segments[segments.indexOf('place') + 1]) : undefined)
  const found = pin(url, asked) ?? named(asked) ?? looked(segments, url.hash)
  if (found) return name ? { ...found, name } : found
  return SHORT.test(url.host + url.pathname) ? 'short' : null
}

/** The pin itself: OpenStreetMap's marker, or Google's place in the tail of its path, where the last one counts. */
function pin(url: URL, asked: URLSearchParams): Place | null {
  const [latitude, longitude] = [asked.get('mlat'), asked.get('mlon')]
  if (latitude && longitude) return coordinates(`${latitude},${longitude}`)
  const last = [...url.pathname.matchAll(/!3d(-?[\d.]+)!4d(-?[\d.]+)/g)].at(-1)
  return last ? coordinates(`${last[1]},${last[2]}`) : null
}

function named(asked: URLSearchParams): Place | null {
  for (const key of ASKED) {
    const value = asked.get(key)?.replace(/^(ll\.|loc:)/, '').trim()
    const place = value && coordinates(value)
    if (place) return place
  }
  return null
}

/** What the map showed: less sure than a pin, and all there is. */
function looked(segments: string[], hash: string): Place | null {
  for (const segment of segments) {
    const [latitude, longitude] = segment.replace(/^@/, '').split(',')
    const place = longitude && coordinates(`${latitude},${longitude}`)
    if (place) return place
  }
  const map = /map=[\d.]+\/(-?[\d.]+)\/(-?[\d.]+)/.exec(hash)
  return map ? coordinates(`${map[1]},${map[2]}`) : null
}

/** A name, not a number in its place. */
function words(text: string | null | undefined): string | undefined {
  const trimmed = text?.trim()
  return trimmed && !coordinates(trimmed) && !/^(loc:|@)/.test(trimmed) && !trimmed.startsWith('data=') ? trimmed : undefined
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment.replaceAll('+', ' '))
  } catch {
    return segment
  }
}
