#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>

#include <iostream>
#include <string>

int main() {
    const std::string word = grove::run([] {
        auto greenlet = grove::spawn([] {
            grove::yield();
            return std::string{"installed"};
        });
        return std::move(greenlet).get();
    });
    std::cout << word << '\n';
    return word == "installed" ? 0 : 1;
}
