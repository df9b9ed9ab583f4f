// The exports of the component.

import { Chat, collect } from './chat.js';
import { exported } from './errors.js';
import { describe } from './facts.js';
import { listModels } from './models.js';
import { resolve } from './reference.js';

class Completion {
  constructor(chat) {
    this.chat = chat;
  }

  read(maxEvents, maxWaitMs) {
    return read.call(this.chat, maxEvents, maxWaitMs);
  }

  // Dropped by the host: the connection is closed at once, and not when memory is collected.
  [Symbol.dispose]() {
    this.chat.close();
  }
}

const read = exported(Chat.prototype.read);

export const provider = {
  Completion,
  describe,
  listModels: exported(listModels),
  resolveRef: exported(resolve),
  chatComplete: exported(collect),
  chatStream: exported((request) => new Completion(new Chat(request))),
};
