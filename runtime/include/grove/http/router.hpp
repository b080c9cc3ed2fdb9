#pragma once

#include <grove/base/unique_function.hpp>
#include <grove/http/message.hpp>
#include <grove/http/server.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace grove::http {

class Next;

/// Runs around whatever comes next: checks rights, measures, sets headers, catches.
///
///     router.use([](Request& request, ResponseWriter& response, const Next& next) {
///         if (!request.headers.get("authorization")) return refuse(response);
///         next(request, response);
///     });
using Middleware = UniqueFunction<void(Request&, ResponseWriter&, const Next&)>;

/// One handler with something around it.
[[nodiscard]] Server::Handler with(Middleware, Server::Handler);

/// The rest of the way to a handler, for a Middleware to call, or not.
class Next {
public:
    void operator()(Request& request, ResponseWriter& response) const {
        call_(what_, at_, request, response);
    }

private:
    friend class Router;
    friend Server::Handler with(Middleware, Server::Handler);
    using Call = void (*)(void* what, std::size_t at, Request&, ResponseWriter&);
    Next(void* what, std::size_t at, Call call) noexcept : what_{what}, at_{at}, call_{call} {}

    void* what_;
    std::size_t at_;
    Call call_;
};

/// Finds the handler for a request by its method and path, and is a Server::Handler itself.
///
/// A pattern is a path whose segments may be parameters: "/users/{id}" takes one segment that is not empty,
/// "/files/{path...}" all that are left, "/files/" itself included. The request's parameters have them,
/// percent-decoded. Where several patterns fit, a literal segment goes before a parameter, and that before a
/// rest; the order of adding does not matter.
///
/// A path that no pattern fits is 404; one whose patterns have another method is 405 with Allow. HEAD is
/// answered by GET's handler and OPTIONS by the router (204 with Allow), unless they have handlers of their
/// own. A path that is not one (a bad percent-encoding) is 400.
class Router {
public:
    using Handler = Server::Handler;

    Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;
    ~Router();

    /// Throws std::invalid_argument, which names the pattern: if it does not begin with '/', a parameter has
    /// no name or occurs twice, a rest is not at the end, or the place has a handler for that method already
    /// (also if only the parameters' names differ).
    Router& add(std::string_view method, std::string_view pattern, Handler);
    Router& get(std::string_view pattern, Handler handler) { return add("GET", pattern, std::move(handler)); }
    Router& post(std::string_view pattern, Handler handler) {
        return add("POST", pattern, std::move(handler));
    }
    Router& put(std::string_view pattern, Handler handler) { return add("PUT", pattern, std::move(handler)); }
    Router& patch(std::string_view pattern, Handler handler) {
        return add("PATCH", pattern, std::move(handler));
    }
    Router& remove(std::string_view pattern, Handler handler) {
        return add("DELETE", pattern, std::move(handler));
    }

    /// Around all routes, 404 and 405 too; the first added is the outermost.
    Router& use(Middleware);

    void operator()(Request&, ResponseWriter&);  ///< Blocks, if the handler does.

private:
    struct Node;
    void run_from(std::size_t middleware, Request&, ResponseWriter&);
    void dispatch(Request&, ResponseWriter&);

    std::unique_ptr<Node> root_;
    std::vector<Middleware> around_;
};

}  // namespace grove::http
