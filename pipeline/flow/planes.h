// Planes, their memory and hints to the compiler for the TV-L1 engine.
//
// A plane has `stride` = width rounded up to 16, plus 16 floats a row, and one row of zeros above. Loops
// run over the rounded width, so there are no scalar tails: all planes stay zero to the right of the
// image, where nothing moves, and element [-1] of a row is the zero at the end of the row before.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>

constexpr int LANES = 16;

// Lets the compiler assume that loops over n have no remainder.
#define ROUNDED(n) if ((n) <= 0 || (n) % LANES) __builtin_unreachable()
#if defined(__clang__)  // the planes never overlap, which a compiler cannot deduce
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

inline int rounded(int n) { return (n + LANES - 1) / LANES * LANES; }

struct Size {
    int w, h;
    int padded() const { return rounded(w); }
    int stride() const { return padded() + LANES; }
    size_t floats() const { return size_t(h + 1) * stride() + 2 * LANES; }
};

// One block of memory per thread, kept between calls: otherwise malloc would dominate for small frames.
class Arena {
public:
    ~Arena() { std::free(block_); }
    bool reserve(size_t floats) {
        used_ = 0;
        if (floats <= capacity_) return true;
        std::free(block_);
        capacity_ = 0;
        block_ = static_cast<float*>(std::aligned_alloc(64, (floats + LANES) * sizeof(float) / 64 * 64));
        if (block_) capacity_ = floats;
        return block_ != nullptr;
    }
    // Consecutive pieces start in different cache sets, because loops traverse many planes in parallel.
    static size_t piece(size_t floats) { return rounded(int(floats)) + 5 * LANES; }
    float* take(size_t floats) {
        float* p = block_ + used_;
        used_ += piece(floats);
        return p;
    }
    float* plane(Size s) {
        float* p = take(s.floats());
        std::memset(p, 0, s.floats() * sizeof(float));
        return p + LANES + s.stride();
    }

private:
    float* block_ = nullptr;
    size_t capacity_ = 0, used_ = 0;
};
