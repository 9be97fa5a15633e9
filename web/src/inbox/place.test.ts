// What people paste when they are asked where.
import { describe, expect, it } from 'vitest'
import { readPlace } from './place'

const GATE = { latitude: 52.5163, longitude: 13.3777 }

describe('coordinates', () => {
  it.each([
    '52.5163, 13.3777',
    '52.5163,13.3777',
    '  52.5163   13.3777 ',
    '(52.5163, 13.3777)',
    '52.5163; 13.3777',
    '52.5163° N, 13.3777° E',
    '52.5163N 13.3777E',
    'N 52.5163, E 13.3777',
    '52,5163; 13,3777',
    '52,5163 13,3777',
    '+52.5163, +13.3777',
  ])('%s', (text) => expect(readPlace(text)).toEqual(GATE))

  it('as degrees, minutes and seconds', () => {
    expect(readPlace(`52°30'58.7"N 13°22'39.7"E`)).toEqual({ latitude: 52.516306, longitude: 13.377694 })
    expect(readPlace('33°51′31″S, 151°12′51″E')).toEqual({ latitude: -33.858611, longitude: 151.214167 })
  })

  it('south and west are below zero', () => {
    expect(readPlace('34.6037 S, 58.3816 W')).toEqual({ latitude: -34.6037, longitude: -58.3816 })
    expect(readPlace('-34.6037, -58.3816')).toEqual({ latitude: -34.6037, longitude: -58.3816 })
    expect(readPlace('−34.6037, −58.3816')).toEqual({ latitude: -34.6037, longitude: -58.3816 })
  })

  it.each(['', 'Harbour gate', '52.5163', '91, 13', '52, 181', '+1 555 010 7', '1, 2, 3', '12/11/2026', '52.5163, 13.3777 and more'])('none in “%s”', (text) =>
    expect(readPlace(text)).toBeNull(),
  )
})

describe('geo:', () => {
  it.each([
    ['geo:52.5163,13.3777', GATE],
    ['geo:52.5163,13.3777,34;u=35', GATE],
    ['geo:52.5163,13.3777?z=17', GATE],
    ['geo:0,0?q=52.5163,13.3777(Harbour+gate)', { ...GATE, name: 'Harbour gate' }],
    ['geo:1,2?q=52.5163%2C13.3777', GATE],
    ['geo:0,0?q=Harbour+gate', null],
    ['geo:here', null],
  ])('%s', (text, place) => expect(readPlace(text)).toEqual(place))
})

describe('links', () => {
  it.each([
    ['https://www.google.com/maps/@52.5163,13.3777,17z', GATE],
    ['https://www.google.com/maps?q=52.5163,13.3777', GATE],
    ['https://maps.google.com/?q=52.5163,13.3777&z=17', GATE],
    ['https://maps.google.com/maps?q=loc:52.5163,13.3777', GATE],
    ['https://www.google.com/maps/search/?api=1&query=52.5163%2C13.3777', GATE],
    ['https://www.google.com/maps/search/52.5163,+13.3777?entry=tts', GATE],
    ['https://www.google.com/maps/dir/?api=1&destination=52.5163,13.3777', GATE],
    // Where the map was looked at, and where the place is: the place counts.
    [
      'https://www.google.com/maps/place/Brandenburg+Gate/@52.51,13.37,17z/data=!3m1!4b1!4m6!3m5!1s0x47a851c655f20989:0x26bbfb4e84674c63!8m2!3d52.5163!4d13.3777!16zL20vMDEyXw',
      { ...GATE, name: 'Brandenburg Gate' },
    ],
    [`https://www.google.com/maps/place/52%C2%B030'58.7%22N+13%C2%B022'39.7%22E/@52.5163,13.3777,17z`, GATE],
    ['https://www.google.com/maps/place/%D7%A9%D7%A2%D7%A8/@52.5163,13.3777,17z', { ...GATE, name: 'שער' }],
    ['https://www.openstreetmap.org/?mlat=52.5163&mlon=13.3777#map=17/52.5/13.3', GATE],
    ['https://www.openstreetmap.org/#map=17/52.5163/13.3777', GATE],
    ['https://www.openstreetmap.org/node/240109189#map=19/52.5163/13.3777&layers=N', GATE],
    ['https://maps.apple.com/?ll=52.5163,13.3777&q=Brandenburg%20Gate&t=m', { ...GATE, name: 'Brandenburg Gate' }],
    ['https://maps.apple.com/place?coordinate=52.5163,13.3777&name=Brandenburg%20Gate', { ...GATE, name: 'Brandenburg Gate' }],
    ['https://maps.apple.com/?daddr=52.5163,13.3777', GATE],
    ['https://www.waze.com/ul?ll=52.5163%2C13.3777&navigate=yes', GATE],
    ['https://www.waze.com/live-map/directions?to=ll.52.5163%2C13.3777', GATE],
    ['www.google.com/maps/@52.5163,13.3777,17z', GATE],
    ['Our gate: https://www.google.com/maps?q=52.5163,13.3777 see you', GATE],
    ['https://www.google.com/maps?q=-34.6037,-58.3816', { latitude: -34.6037, longitude: -58.3816 }],
  ])('%s', (text, place) => expect(readPlace(text)).toEqual(place))

  it.each(['https://maps.app.goo.gl/AbCd1234', 'https://goo.gl/maps/AbCd', 'https://maps.apple/p/AbCd1234', 'https://osm.org/go/0MbEVaSpE-', 'https://waze.com/ul/hsv8yz6cq2'])(
    'only its service can follow %s',
    (text) => expect(readPlace(text)).toBe('short'),
  )

  it.each(['https://example.com/', 'https://www.google.com/maps/place/Brandenburg+Gate', 'https://www.openstreetmap.org/node/240109189', 'https://%'])('nothing in %s', (text) =>
    expect(readPlace(text)).toBeNull(),
  )
})
