// TV-L1 optical flow (Zach, Pock, Bischof 2007) with the numerical choices of OpenCV's DualTVL1 on the
// CPU, in plain loops for the compiler to vectorise. One thread; see docs/decisions/0002-tvl1-engine.md.
// No loop sums across x, so the order of additions does not depend on vector width: the flow is the same on
// every CPU.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "median.h"
#include "planes.h"

namespace {

constexpr int MARGIN = 4;                  // zeros around the texture: four bicubic taps fit outside
constexpr float TINY = 1e-30f;             // keeps a root's argument positive
constexpr float SMALLEST = 1.1920929e-7f;  // gradients below it carry no data term

struct Params {
    double tau, lambda, theta, scale_step, epsilon;
    int scales, warps, inner, outer, median;
};

struct Work {  // buffers of the current level
    float *ix, *iy, *rho, *inverse;          // data term: rho = rho + ix * u + iy * v
    float *u, *v;                            // flow
    float *pux, *puy, *pvx, *pvy;            // dual variables, times theta
    float *inside;                           // a row: 1 where a right neighbour exists, else 0
    float *moved;                            // a row: squared change of flow of each column
    float *texture, *warped;                 // I1 and its gradients, interleaved by four
    float *wx, *wy;                          // bicubic weights of a row, four a pixel
    float *sorted;                           // rows of the median's sorted columns
    float *copy;                             // flow with replicated edges, for the median
    int *tap;                                // where a pixel's taps start in the texture
};

// cv::resize, bilinear: source coordinate (x + 0.5) * step - 0.5, edges replicated.
void resize(const float* src, Size from, float* dst, Size to, double step_x, double step_y, float gain,
            float* row, int* index, float* fraction) {
    for (int x = 0; x < to.w; ++x) {
        float c = float((x + 0.5) * step_x - 0.5);
        int i = int(std::floor(c));
        fraction[x] = (i < 0 || i >= from.w - 1) ? 0.f : c - float(i);
        index[x] = std::clamp(i, 0, from.w - 1);
    }
    const int n = from.padded();
    ROUNDED(n);
    for (int y = 0; y < to.h; ++y) {
        float c = float((y + 0.5) * step_y - 0.5);
        int i = int(std::floor(c));
        float f = (i < 0 || i >= from.h - 1) ? 0.f : c - float(i);
        i = std::clamp(i, 0, from.h - 1);
        const float* a = src + size_t(i) * from.stride();
        const float* b = src + size_t(std::min(i + 1, from.h - 1)) * from.stride();
        INDEPENDENT
        for (int x = 0; x < n; ++x) row[x] = gain * (a[x] + f * (b[x] - a[x]));
        row[from.w] = row[from.w - 1];
        float* out = dst + size_t(y) * to.stride();
        for (int x = 0; x < to.w; ++x)
            out[x] = row[index[x]] + fraction[x] * (row[index[x] + 1] - row[index[x]]);
    }
}

// I1, dI1/dx, dI1/dy (central differences, one-sided halves at the edges) and a zero, in zeros.
void build_texture(const float* image, Size s, float* texture) {
    const size_t pitch = size_t(s.w + 2 * MARGIN) * 4;
    std::memset(texture, 0, pitch * (s.h + 2 * MARGIN) * sizeof(float));
    for (int y = 0; y < s.h; ++y) {
        const float* row = image + size_t(y) * s.stride();
        const float* above = image + size_t(std::max(y - 1, 0)) * s.stride();
        const float* below = image + size_t(std::min(y + 1, s.h - 1)) * s.stride();
        float* out = texture + (y + MARGIN) * pitch + MARGIN * 4;
        for (int x = 0; x < s.w; ++x) {
            out[4 * x] = row[x];
            out[4 * x + 1] = 0.5f * (row[std::min(x + 1, s.w - 1)] - row[std::max(x - 1, 0)]);
            out[4 * x + 2] = 0.5f * (below[x] - above[x]);
        }
    }
}

inline void cubic(float t, float* w) {  // Keys' kernel with A = -0.75
    constexpr float A = -0.75f;
    const float l = t + 1.f, r = 1.f - t;
    w[0] = ((A * l - 5.f * A) * l + 8.f * A) * l - 4.f * A;
    w[1] = ((A + 2.f) * t - (A + 3.f)) * t * t + 1.f;
    w[2] = ((A + 2.f) * r - (A + 3.f)) * r * r + 1.f;
    w[3] = 1.f - w[0] - w[1] - w[2];
}

// Bicubic I1(x + u) and its gradients (zero outside the image), and the data term linearised there.
void warp(const Work& k, const float* image0, Size s) {
    const int pitch = (s.w + 2 * MARGIN) * 4;
    const float right = float(s.w + 1), low = float(s.h + 1);
    for (int y = 0; y < s.h; ++y) {
        const size_t at = size_t(y) * s.stride();
        const float *u = k.u + at, *v = k.v + at, *i0 = image0 + at;
        float *wx = k.wx, *wy = k.wy, *warped = k.warped;
        int* tap = k.tap;
        INDEPENDENT
        for (int x = 0; x < s.w; ++x) {
            const float cx = std::min(std::max(float(x) + u[x], -3.f), right);
            const float cy = std::min(std::max(float(y) + v[x], -3.f), low);
            const float fx = std::floor(cx), fy = std::floor(cy);
            cubic(cx - fx, wx + 4 * x);
            cubic(cy - fy, wy + 4 * x);
            tap[x] = (int(fy) + MARGIN - 1) * pitch + (int(fx) + MARGIN - 1) * 4;
        }
        for (int x = 0; x < s.w; ++x) {  // four rows of four taps, then the four columns
            const float* t = k.texture + tap[x];
            const float *a = wx + 4 * x, *b = wy + 4 * x;
            float column[16], half[8];
            for (int i = 0; i < 16; ++i)
                column[i] = b[0] * t[i] + b[1] * t[pitch + i] + b[2] * t[2 * pitch + i] +
                            b[3] * t[3 * pitch + i];
            for (int i = 0; i < 8; ++i) half[i] = column[i] * a[i / 4] + column[8 + i] * a[2 + i / 4];
            for (int i = 0; i < 4; ++i) warped[4 * x + i] = half[i] + half[4 + i];
        }
        float *ix = k.ix + at, *iy = k.iy + at;
        float *rho = k.rho + at, *inverse = k.inverse + at;
        INDEPENDENT
        for (int x = 0; x < s.w; ++x) {
            const float gx = warped[4 * x + 1], gy = warped[4 * x + 2];
            ix[x] = gx;
            iy[x] = gy;
            rho[x] = warped[4 * x] - gx * u[x] - gy * v[x] - i0[x];
            inverse[x] = 1.f / std::max(gx * gx + gy * gy, SMALLEST);
        }
    }
}

// One fused step: the flow of a row (thresholding and divergence; PRIMAL), then the dual variables of
// the row above (DUAL), whose downward difference needs that flow. Adds up the squared change of flow.
template <bool PRIMAL, bool DUAL>
void step(const Work& k, ptrdiff_t at, ptrdiff_t stride, int n, float limit, float tau, float taut) {
    const float *ix = k.ix + at, *iy = k.iy + at, *rho = k.rho + at, *inverse = k.inverse + at;
    const float* inside = k.inside;
    float *u = k.u + at, *v = k.v + at;
    float *pux = k.pux + at, *puy = k.puy + at, *pvx = k.pvx + at, *pvy = k.pvy + at;
    float* moved = k.moved;
    ROUNDED(n);
    INDEPENDENT
    for (int x = 0; x < n; ++x) {
        const float *u0 = u - stride, *v0 = v - stride;
        float *px = pux - stride, *py = puy - stride, *qx = pvx - stride, *qy = pvy - stride;
        float un = u0[x], vn = v0[x];
        if (PRIMAL) {
            const float uo = u[x], vo = v[x];
            float d = -(rho[x] + ix[x] * uo + iy[x] * vo) * inverse[x];
            d = std::min(std::max(d, -limit), limit);
            un = uo + d * ix[x] + ((pux[x] - pux[x - 1]) + (puy[x] - py[x]));
            vn = vo + d * iy[x] + ((pvx[x] - pvx[x - 1]) + (pvy[x] - qy[x]));
            moved[x] += (un - uo) * (un - uo) + (vn - vo) * (vn - vo);
            u[x] = un;
            v[x] = vn;
        }
        if (DUAL) {
            const float ux = (u0[x + 1] - u0[x]) * inside[x], vx = (v0[x + 1] - v0[x]) * inside[x];
            const float uy = un - u0[x], vy = vn - v0[x];
            const float su = ux * ux + uy * uy + TINY, sv = vx * vx + vy * vy + TINY;
            const float fu = 1.f / (1.f + taut * std::sqrt(su)), fv = 1.f / (1.f + taut * std::sqrt(sv));
            px[x] = (px[x] + tau * ux) * fu;
            py[x] = (py[x] + tau * uy) * fu;
            qx[x] = (qx[x] + tau * vx) * fv;
            qy[x] = (qy[x] + tau * vy) * fv;
        }
    }
}

float iterate(const Work& k, Size s, float limit, float tau, float taut) {
    const int n = s.padded();
    const ptrdiff_t stride = s.stride();
    std::memset(k.moved, 0, n * sizeof(float));
    step<true, false>(k, 0, stride, n, limit, tau, taut);
    for (int y = 1; y < s.h; ++y) step<true, true>(k, y * stride, stride, n, limit, tau, taut);
    step<false, true>(k, s.h * stride, stride, n, limit, tau, taut);
    float change = 0.f;  // by columns first: a sum along x would depend on the width of vectors
    for (int x = 0; x < n; ++x) change += k.moved[x];
    return change;
}

void smooth(const Work& k, float* plane, Size s, int width) {
    if (width == 5) median<5>(plane, s, k.copy, k.sorted);
    else if (width == 3) median<3>(plane, s, k.copy, k.sorted);
}

void solve_level(const Work& k, const float* image0, const float* image1, Size s, const Params& p) {
    for (float* plane : {k.ix, k.iy, k.rho, k.inverse, k.pux, k.puy, k.pvx, k.pvy})
        std::memset(plane - LANES - s.stride(), 0, s.floats() * sizeof(float));
    for (int x = 0; x < s.padded(); ++x) k.inside[x] = x < s.w - 1 ? 1.f : 0.f;
    build_texture(image1, s, k.texture);
    const float enough = float(p.epsilon * p.epsilon * s.w * s.h);
    const float limit = float(p.lambda * p.theta), tau = float(p.tau), taut = float(p.tau / p.theta);
    for (int w = 0; w < p.warps; ++w) {
        warp(k, image0, s);
        float change = HUGE_VALF;
        for (int outer = 0; change > enough && outer < p.outer; ++outer) {
            smooth(k, k.u, s, p.median);
            smooth(k, k.v, s, p.median);
            for (int inner = 0; change > enough && inner < p.inner; ++inner)
                change = iterate(k, s, limit, tau, taut);
        }
    }
}

}  // namespace

// Flow from `image0` to `image1` (h x w bytes each) into `out` (2 x h x w floats; x first).
// Returns 0, or 1 if memory ran out. The caller has checked sizes (2 and more) and parameters.
extern "C" int recosr_tvl1(const uint8_t* image0, const uint8_t* image1, int w, int h, double tau,
                           double lambda, double theta, double scale_step, double epsilon, int scales,
                           int warps, int inner, int outer, int median_width, float* out) {
    const Params p = {tau, lambda, theta, scale_step, epsilon, scales, warps, inner, outer, median_width};
    static thread_local Arena arena;
    static thread_local std::vector<Size> sizes;
    sizes.assign(1, Size{w, h});
    size_t total = 0;
    while (int(sizes.size()) < scales) {
        const Size last = sizes.back();  // as in OpenCV: rounded to nearest, no side below 16
        const Size next = {int(std::nearbyint(last.w * scale_step)), int(std::nearbyint(last.h * scale_step))};
        if (next.w < 16 || next.h < 16) break;
        sizes.push_back(next);
    }
    const Size full = sizes[0];
    for (Size s : sizes) total += 2 * Arena::piece(s.floats());
    const size_t row = size_t(full.stride()) + LANES, texture = size_t(w + 2 * MARGIN) * (h + 2 * MARGIN) * 4;
    total += 12 * Arena::piece(full.floats()) + Arena::piece(texture) + Arena::piece(row * (h + 6));
    total += 25 * Arena::piece(row);  // 22 rows of temporaries below
    if (!arena.reserve(total)) return 1;

    std::vector<float*> images0, images1;
    for (Size s : sizes) {
        images0.push_back(arena.plane(s));
        images1.push_back(arena.plane(s));
    }
    float* blocks[12];
    for (float*& block : blocks) block = arena.take(full.floats());
    Work k;
    k.texture = arena.take(texture);
    k.copy = arena.take(row * (h + 6));
    k.inside = arena.take(row);
    k.moved = arena.take(row);
    k.warped = arena.take(4 * row);
    k.wx = arena.take(4 * row);
    k.wy = arena.take(4 * row);
    k.sorted = arena.take(5 * row);
    k.tap = reinterpret_cast<int*>(arena.take(row));
    float *temporary = arena.take(row), *fraction = arena.take(row);

    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
            images0[0][size_t(y) * full.stride() + x] = image0[size_t(y) * w + x];
            images1[0][size_t(y) * full.stride() + x] = image1[size_t(y) * w + x];
        }
    const double shrink = 1.0 / scale_step;  // the factor itself, not the ratio of the rounded sizes
    for (size_t i = 1; i < sizes.size(); ++i)
        for (auto* images : {&images0, &images1})
            resize((*images)[i - 1], sizes[i - 1], (*images)[i], sizes[i], shrink, shrink, 1.f, temporary,
                   k.tap, fraction);

    float *coarse_u = nullptr, *coarse_v = nullptr;
    for (int i = int(sizes.size()) - 1; i >= 0; --i) {
        const Size s = sizes[i];
        const size_t first = LANES + s.stride();
        float** planes[] = {&k.ix, &k.iy, &k.rho, &k.inverse, &k.pux, &k.puy, &k.pvx, &k.pvy};
        for (int j = 0; j < 8; ++j) *planes[j] = blocks[j] + first;
        k.u = blocks[8 + 2 * (i % 2)] + first;
        k.v = blocks[9 + 2 * (i % 2)] + first;
        for (float* plane : {k.u, k.v}) std::memset(plane - first, 0, s.floats() * sizeof(float));
        if (coarse_u) {
            const Size c = sizes[i + 1];
            const double dx = double(c.w) / s.w, dy = double(c.h) / s.h;
            resize(coarse_u, c, k.u, s, dx, dy, float(shrink), temporary, k.tap, fraction);
            resize(coarse_v, c, k.v, s, dx, dy, float(shrink), temporary, k.tap, fraction);
        }
        solve_level(k, images0[i], images1[i], s, p);
        coarse_u = k.u;
        coarse_v = k.v;
    }
    for (int y = 0; y < h; ++y) {
        std::memcpy(out + size_t(y) * w, k.u + size_t(y) * full.stride(), w * sizeof(float));
        std::memcpy(out + size_t(y + h) * w, k.v + size_t(y) * full.stride(), w * sizeof(float));
    }
    return 0;
}
