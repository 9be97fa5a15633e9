// Made-up conversations and a made-up call for the stand-in server. Numbers are from the range kept for fiction.
export const people = () => [
  ['Noa Friedman', '+15550123', 'voice', [[1500, 'in', 'Hi, do you have anything free on Thursday morning?'], [1496, 'out', 'Good morning Noa! Thursday at 9:30 or 10:15 would work. Which one?'], [1490, 'in', '9:30 please'], [1489, 'out', 'Booked. See you Thursday at 9:30.', { state: 'read' }]], { unread: 1, assignee: 0, about: 'Prefers mornings. Nervous about needles: say what happens before it happens.' }],
  ['Omar Aziz', '+15550134', 'sms', [[3000, 'in', 'Is the crown ready?'], [2900, 'out', 'Not yet, the lab says Friday.', { by: 1 }], [96, 'in', 'It is Friday :)'], [95, 'in', 'Can I come by after four? I could also do tomorrow, but only early, because I have to be at the airport by eleven.'], [94, 'note', 'Lab just called, the crown is on the van. After 15:30 is safe.', { by: 1 }], [42, 'in', 'Hello? 🙂']], { unread: 3, assignee: 1 }],
  ['יעל כהן', '+15550145', 'sms', [[30, 'in', 'שלום, אפשר לקבוע תור לילד שלי ליום ראשון? הטלפון שלי ‎+15550145']], { unread: 1 }],
  ['ليلى منصور', '+15550146', 'form', [[12, 'in', 'مرحبا، كم سعر تنظيف الأسنان؟']], { unread: 1 }],
  [null, '+15550177', 'voice', [[190, 'in', 'Asked for opening hours on Saturday.', { author: 'agent' }]], {}],
  ['Priya Raman', '+15550156', 'sms', [[300, 'in', 'Thank you so much, the tooth is fine again!'], [290, 'out', 'So glad to hear it, Priya.', { by: 2, state: 'sent' }]], { assignee: 2 }],
  ['George Papadopoulos-Montgomery of Upper Willowbrook', '+15550157', 'form', [[500, 'in', 'I would like a quote for whitening. Also do you take the Evergreen insurance plan? My employer changed it last month and nobody could tell me which dentists are covered.'], [480, 'out', 'Hello George, we do take Evergreen. Whitening is 240.', { state: 'failed', failure: { code: '30003', help: 'The phone is switched off or out of reach. Try again later, or call.' } }]], {}],
  ['Walk-in form', 'visitor@mail.example', 'form', [[700, 'in', 'Do you have wheelchair access?']], { assignee: 0 }],
  ['Tomás Ribeiro', '+15550158', 'sms', [[1600, 'in', 'STOP'], [1600, 'out', 'You will get no more messages from us.', { author: 'system', state: 'delivered' }]], { opted_out: true }],
  ['Ingrid Solberg', '+15550159', 'sms', [[2600, 'in', 'See you then'], [2500, 'out', 'Until Monday!', { by: 0, state: 'read' }]], { closed: true, assignee: 0 }],
]

export const sayings = [
  ['agent', 'Hello, this is Mia, the digital receptionist of Northside Dental. How can I help?', { latency_ms: 640 }],
  ['caller', 'Hi, it is about my cleaning on Thursday, I need to move it'],
  ['agent', 'Of course. I can take down when it would suit you,', { interrupted: true, unheard: 'and somebody calls you back this afternoon to confirm the new time.' }],
  ['caller', 'Next week, any day but Tuesday, after three would be perfect'],
  ['tool', 'take_message: “Move Thursday’s cleaning to next week, not Tuesday, after 15:00”'],
  ['agent', 'I wrote that down: next week, not Tuesday, after three. Is there anything else?'],
  ['caller', 'No, that is all, thank you'],
  ['agent', 'You are welcome. Goodbye, Noa!'],
]
