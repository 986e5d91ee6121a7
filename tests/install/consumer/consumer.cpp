// A user's C++ program: seals to a key, opens again, compares.
#include <iostream>
#include <megaseal/megaseal.hpp>

int main() {
  const megaseal::Engine engine;
  const auto key = megaseal::SecretKey::generate();
  megaseal::Messages messages;
  for (int i = 0; i < 100; i++) messages.push_back("message " + std::to_string(i));
  const auto sealed = engine.seal(key.recipient(), messages);
  const auto opened = engine.open(key, sealed.messages);
  if (opened.num_failed != 0) return 1;
  for (size_t i = 0; i < 100; i++) {
    if (opened.messages.text(i) != "message " + std::to_string(i)) return 2;
  }
  std::cout << "megaseal " << megaseal_version() << ": from C++\n";
  return 0;
}
