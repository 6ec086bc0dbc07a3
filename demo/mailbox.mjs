/*
 * mailbox.mjs PORT FOLDER: the mailbox of the demo: a mail server on loopback
 * that keeps each message as a file.  It speaks as much SMTP (RFC 5321) as
 * dmp-notifyd does; the tests of that use a real one.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

const [port, folder] = process.argv.slice(2);
let messages = 0;

function keep(lines) {
  const name = `${folder}/${String(++messages).padStart(4, '0')}`;

  // a line that begins with a dot was given another one (4.5.2)
  writeFileSync(name, lines.map((line) => line.replace(/^\./, '')).join('\n'));
  renameSync(name, `${name}.eml`);       // whole, for who looks
}

function converse(socket) {
  let rest = '';
  let data = null;                       // the lines of a message under way

  const say = (text) => socket.write(`${text}\r\n`);

  function command(line) {
    switch (line.slice(0, 4).toUpperCase()) {
    case 'EHLO':
      say('250-mailbox');
      say('250 8BITMIME');
      break;
    case 'HELO': case 'MAIL': case 'RCPT': case 'RSET': case 'NOOP':
      say('250 fine');
      break;
    case 'DATA':
      data = [];
      say('354 go on');
      break;
    case 'QUIT':
      say('221 bye');
      socket.end();
      break;
    default:
      say('502 not here');
    }
  }

  function take(line) {
    if (data === null) {
      command(line);
    } else if (line === '.') {
      keep(data);
      data = null;
      say('250 kept');
    } else {
      data.push(line);
    }
  }

  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (text) => {
    const lines = (rest + text).split('\r\n');

    rest = lines.pop();
    lines.forEach(take);
  });

  say('220 mailbox');
}

createServer(converse).listen(Number(port), '127.0.0.1', () => console.log('ready'));
