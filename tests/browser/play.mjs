// A cast, its rooms, and what was said in them: for pictures that look like use.
import { MultiSocket } from '../system/lib/multi_socket.mjs';
import { newcomer, recite } from './scenery.mjs';

const DAY = 24 * 60;

// Lines are [who, minutes ago, text]; who is an index into the cast, 0 the one who looks.
const LIGHTHOUSE = [
  [1, 2 * DAY + 42, 'The relief boat is late again. Fog on the whole coast.'],
  [2, 2 * DAY + 40, 'Saw it turn at the outer buoy. Tomorrow at the earliest.'],
  [0, 2 * DAY + 38, 'We have oil until Thursday, so no hurry from here.'],
  [3, 2 * DAY + 31, 'Bread is the problem, not oil.'],
  [3, 2 * DAY + 31, 'I mean it.'],
  [1, DAY + 95, 'Morning. Who wound the clockwork last night?'],
  [2, DAY + 93, 'Me, at four. It ran two minutes slow, I set it by the noon gun: https://tides.example.org/noon-gun?month=11'],
  [0, DAY + 90, 'Thank you! Then the log is right and my watch is wrong.'],
  [4, DAY + 12, '¿Alguien necesita algo del puerto? Salgo a las tres.'],
  [1, DAY + 11, 'Wicks, please. And the newspaper, however old it is.'],
  [0, 64, 'Lamp lit at 16:31. Visibility four miles, wind from the south-west, and the gannets are back on the east ledge.'],
  [0, 63, 'Fourteen of them, I counted twice.'],
  [2, 58, 'Fourteen! Last year it was nine 🎉'],
  [3, 55, 'They know about the bread.'],
  [1, 21, 'The second lens has a scratch on the lower prism. It throws a thin shadow towards the reef, you see it only when the fog lies low. Shall we turn it until somebody can polish it?'],
  [0, 18, 'Turn it. I write to the workshop today.'],
  [2, 6, 'Done, two degrees. Looks clean from the jetty.'],
  [1, 4, '👏👏'],
];

const ODD = [
  [1, 50, '<b>not bold</b> <script>alert("no")</script> <img src=x onerror=alert(1)> &amp; &lt;'],
  [2, 44, 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3)],
  [3, 41, 'https://example.org/a/very/long/path/that/goes/on/and/on/without/any/mercy/index.html?with=parameters&and=more&until=the-end#fragment'],
  [4, 33, 'مرحبا بالجميع، كيف الحال اليوم؟ السفينة تصل غدًا صباحًا إن شاء الله.'],
  [0, 30, 'שלום! אני כאן, והאור דולק.'],
  [1, 28, 'Mixed: the sign said «السلام عليكم» and then 123 in Latin digits.'],
  [2, 21, '👩‍🚀🏳️‍🌈👍🏽'],
  [3, 15, 'Lines\nof\n    a poem, indented\nand done.'],
  [0, 12, 'Греет самовар, δεν βιάζομαι, og været er godt: så gjør vi ferdig loggen.'],
  [4, 9, 'A price of 5 < 7 and 9 > 3, said "so" & meant it.'],
];

const KITCHEN = [
  [3, 300, 'Soup at seven.'],
  [4, 30, 'Is there any left?'],
  [3, 12, 'There is always soup left.'],
];

// Somebody who is there, and can be seen to write.
class Extra {
  constructor(person, socket) {
    this.person = person;
    this.socket = socket;
  }

  async writes(roomId) {
    this.socket.send({ type: 'typing', room_id: roomId });
  }

  goHome() {
    this.socket.terminate();
  }
}

export async function castAndRooms(stack) {
  const cast = [];
  for (const name of ['Agnes', 'Ishmael', 'Grace', 'Captain Nemo', 'Inés']) {
    cast.push(await newcomer(stack, name));
  }
  const [me] = cast;
  const make = async (creator, name, members) => {
    const { id } = (await creator.api.post('/api/chat/rooms', { name })).json;
    for (const member of members) await member.api.post(`/api/chat/rooms/${id}/join`);
    return id;
  };
  const rooms = {
    lighthouse: await make(cast[1], 'Lighthouse', [cast[0], ...cast.slice(2)]),
    kitchen: await make(cast[3], 'Kitchen', [cast[0], cast[4]]),
    odd: await make(cast[1], 'Odd texts, مرحبا 👋', [cast[0], ...cast.slice(2)]),
    empty: await make(me, 'Empty stage', []),
    foreign: await make(cast[2], 'Harbour masters', [cast[1]]),
  };
  await make(cast[4], 'Library of tides and other things that come and go', [cast[2]]);
  await make(me, 'Weather', [cast[1], cast[3]]);
  const spoken = (lines) => lines.map(([who, ...rest]) => [cast[who], ...rest]);
  await recite(stack, rooms.lighthouse, spoken(LIGHTHOUSE));
  await recite(stack, rooms.odd, spoken(ODD));
  await recite(stack, rooms.kitchen, spoken(KITCHEN));
  const others = [];
  for (const person of [cast[1], cast[2], cast[4]]) {
    const socket = await MultiSocket.open(stack.url, person.token);
    await socket.subscribe(rooms.lighthouse);
    others.push(new Extra(person, socket));
  }
  return { cast, me, others, rooms };
}
